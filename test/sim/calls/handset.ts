import type { Answer } from '../../../src/actors/port.ts';
import { base64url } from '../../../src/bytes/base64url.ts';
import { hex } from '../../../src/bytes/hex.ts';
import { utf8 } from '../../../src/bytes/utf8.ts';
import { type Client, type ClientEffect, type ClientInput, emptyClient, step } from '../../../src/calls/client.ts';
import { emptyInbox, type Inbox, type InboxInput, receive } from '../../../src/courier/receive.ts';
import type { Simulator } from '../../../src/hosts/simulator/simulator.ts';
import type { SimulatedSocket } from '../../../src/hosts/simulator/socket.ts';
import { type CallFrame, IN_CALL_ALIVE_MS, type Party, type Reply, type Verb } from '../../../src/protocol/call.ts';
import { CLOSE, type DeliverFrame, type ServerFrame } from '../../../src/protocol/courier.ts';
import { PING, PONG } from '../../../src/protocol/keep-alive.ts';
import type { HistoryFrame, HistoryRow } from '../../../src/protocol/history.ts';
import { VerbLine } from '../../../src/sdk/calls/verb-line.ts';
import type { Phone } from '../../actors/people.ts';
import type { Witness } from './witness.ts';

const REPLY_LIMIT_MS = 3_000;
const PLANE_RETRY_MS = 500;
const HANDSHAKE_RETRY_MS = 700;
/** What a device that keeps to no protocol sends in place of a sealed body. */
export const ROGUE_BODY = words('rogue');
const END_FRAMES = new Set(['cancelled', 'elsewhere', 'ended']);

export interface Lookup {
  readonly set: number;
  readonly devices: readonly { readonly device: string; readonly capability: string }[];
}

/** What its user does when it alerts, and how long a call is talked. */
export type Mood = 'accept' | 'decline-device' | 'decline-all' | 'ignore' | 'busy' | 'nothing';

/** What happened to one call here, from the user's side and from the server's; what the judge holds media against. */
class Sight {
  placedTo: string | null = null;
  accepted = false;
  /** The user took the consent back. */
  dropped = false;
  granted = false;
  alerts = 0;
  readonly confirmedBy = new Set<string>();
  media: Party | null = null;
  ended: string | null = null;
  plane: SimulatedSocket | null = null;
  planeWanted = false;
  heardPeer = false;
}

/** A device: the real client machine, inbox and line of verbs on the simulated network; words stand for what is sealed. */
export class Handset {
  readonly party: Party;
  readonly sights = new Map<string, Sight>();
  readonly history: HistoryRow[] = [];
  /** Device lists and capabilities by account, as a lookup gave them. */
  readonly lookups = new Map<string, Lookup>();
  client: Client;
  mood: Mood = 'nothing';
  redials = 0;
  /** Told of every frame of a call, before the machine is. */
  onFrame: (frame: CallFrame) => void = () => undefined;
  /** In a group the peer of a handshake is not the only one there; and who left may be added, and rung, again. */
  answersAnybody = false;
  talkMs: readonly [number, number] = [2_000, 40_000];
  readonly #simulator: Simulator;
  readonly #witness: Witness;
  readonly #phone: Phone;
  readonly #skewMs: number;
  readonly #line: VerbLine;
  readonly #timers = new Map<string, () => void>();
  readonly #waiting = new Map<string, (reply: Reply | null) => void>();
  readonly #handled = new Set<string>();
  readonly #sealed = new Map<string, Verb>();
  #inbox: Inbox = emptyInbox();
  #socket: SimulatedSocket | null = null;
  #wanted = false;
  #numbers = 0;
  #newestAtWelcome = 0;

  constructor(simulator: Simulator, witness: Witness, phone: Phone, skewMs: number) {
    this.#simulator = simulator;
    this.#witness = witness;
    this.#phone = phone;
    this.#skewMs = skewMs;
    this.party = { account: phone.account, device: phone.device };
    this.client = emptyClient(this.party);
    this.#line = new VerbLine({
      say: (verb) => this.#sayOnce(verb),
      now: () => this.#local,
      after: (ms, run) => simulator.plan(ms, run),
    });
  }

  get name(): string {
    return this.party.device.slice(0, 6);
  }

  sight(call: string): Sight {
    const known = this.sights.get(call) ?? new Sight();
    this.sights.set(call, known);
    return known;
  }

  // ------------------------------------------------------------------------------------------------ the user

  place(to: string, call = hex(this.#simulator.dice.bytes(16)), replaces: string | null = null): void {
    this.sight(call).placedTo = to;
    const ringMs = this.#simulator.dice.pick([15_000, 45_000]);
    const rest = replaces === null ? {} : { replaces };
    this.#input({ type: 'place', call, peer: to, media: ['audio', 'video'], ringMs, ...rest });
  }

  hangupAll(): void {
    for (const call of Object.keys(this.client.calls)) this.#drop(call, { type: 'hangup', call });
  }

  #drop(call: string, input: ClientInput): void {
    this.sight(call).dropped = true;
    this.#input(input);
  }

  #decideAbout(call: string): void {
    const { mood } = this;
    const phase = this.client.calls[call]?.phase;
    if (!phase) return;
    if (mood === 'accept') {
      this.sight(call).accepted = true;
      if (this.answersAnybody) this.sight(call).dropped = false;
      for (const media of [['audio', 'video'], ['audio']]) this.#input({ type: 'accept', call, media });
    }
    if (mood === 'decline-all') this.#drop(call, { type: 'decline', call, scope: 'all' });
    if (mood === 'decline-device') this.#drop(call, { type: 'decline', call, scope: 'device' });
    if (phase === 'alerting' && (mood === 'ignore' || mood === 'busy')) this.#drop(call, { type: mood, call });
  }

  // ------------------------------------------------------------------------------------------------ the courier

  online(): void {
    this.#wanted = true;
    if (!this.#socket) this.#connect();
  }

  offline(): void {
    this.#wanted = false;
    this.cut();
    for (const sight of this.sights.values()) if (sight.plane) this.#cutPlane(sight.plane);
  }

  /** The network drops what it carries; the device comes back by itself unless it was taken offline. */
  cut(): void {
    if (this.#socket) this.#simulator.cut({ kind: 'device', name: this.party.device }, this.#socket);
  }

  cutPlanes(): void {
    for (const sight of this.sights.values()) if (sight.plane) this.#cutPlane(sight.plane);
  }

  /** Its planes carry nothing any more, and nobody tells it. */
  mutePlanes(): void {
    for (const { plane } of this.sights.values()) if (plane) plane.silent = true;
  }

  /** The battery is out: nobody hears of it. */
  vanish(): void {
    this.mutePlanes();
    if (this.#socket) this.#socket.silent = true;
    this.offline();
  }

  /** The call that it talks in over an open plane. */
  get talksIn(): string | null {
    const all = Object.values(this.client.calls).filter(({ phase }) => phase === 'active');
    return all.find(({ id }) => this.sights.get(id)?.plane)?.id ?? null;
  }

  get #local(): number {
    return this.#simulator.now + this.#skewMs;
  }

  get #now(): number {
    return this.#local + this.#inbox.clockOffset;
  }

  #connect(): void {
    const { account, device, key } = this.#phone;
    const hello = {
      do: 'courier',
      account,
      device,
      key,
      pushTokenHash: 'push',
      box: this.#inbox.box,
      lastSeq: this.#inbox.upTo,
      nextNonce: 'n',
      nonce: { id: `hello-${++this.#numbers}`, until: Number.MAX_SAFE_INTEGER },
    };
    const socket = this.#simulator.connect({ kind: 'device', name: device }, ['courier'], hello);
    this.#socket = socket;
    socket.onFrame = (frame) => {
      if (socket === this.#socket) this.#heard(JSON.parse(String(frame)) as ServerFrame);
    };
    void socket.closed.then(({ code }) => this.#lost(socket, code));
  }

  #lost(socket: SimulatedSocket, code: number): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    for (const [request, answer] of this.#waiting) {
      this.#waiting.delete(request);
      answer(null);
    }
    this.#receive({ type: 'disconnected' });
    this.#input({ type: 'drained', drained: false });
    if (code === CLOSE.forbidden || code === CLOSE.revoked) this.#witness.blame(`${this.name} was refused: ${code}`);
    this.#simulator.plan(this.#simulator.dice.between(200, 2_000), () => {
      if (this.#wanted && !this.#socket) this.#connect();
    });
  }

  #up(frame: object): void {
    if (this.#socket)
      this.#simulator.send({ kind: 'device', name: this.party.device }, this.#socket, JSON.stringify(frame));
  }

  #heard(frame: ServerFrame): void {
    if (frame.type === 'reply') {
      const reply = frame.reply as Reply;
      this.#waiting.get(frame.request)?.('call' in reply ? reply : null);
      this.#waiting.delete(frame.request);
      return;
    }
    if (frame.type === 'welcome') this.#newestAtWelcome = frame.newestSeq;
    this.#receive({ type: 'frame', frame });
    if (frame.type === 'welcome' && this.#witness.planted === 'drained')
      this.#input({ type: 'drained', drained: true });
    if (frame.type === 'drained') this.#everythingCame(frame);
  }

  #receive(input: InboxInput): void {
    const { inbox, effects } = receive(this.#inbox, input, this.#local);
    this.#inbox = inbox;
    for (const effect of effects) {
      if (effect.type === 'ack') this.#up({ type: 'ack', upTo: effect.upTo });
      if (effect.type === 'drained') this.#input({ type: 'drained', drained: true });
      if (effect.type === 'handle') this.#handle(effect.envelope);
    }
  }

  #handle(envelope: DeliverFrame): void {
    if (this.#handled.has(envelope.id)) this.#witness.blame(`once: ${this.name} handled ${envelope.id} twice`);
    this.#handled.add(envelope.id);
    if (envelope.topic === 'history') {
      const news = envelope.body as HistoryFrame;
      if (news.type === 'row') this.history.push(news.row);
    } else this.#frame(envelope.body as CallFrame);
    this.#receive({ type: 'done', envelope });
  }

  /** G4: whatever its mailbox had stored by then was delivered, is expired, or gave way to a later frame of its call. */
  #everythingCame({ seq, serverNow }: ServerFrame & { type: 'drained' }): void {
    const stored = this.#witness.stored(this.party.device);
    for (const row of stored) {
      if (row.seq > seq || row.expires <= serverNow || this.#handled.has(row.id)) continue;
      if (stored.some((later) => later.call === row.call && later.rev > row.rev)) continue;
      this.#witness.blame(`G4: ${this.name} never got ${row.type} of call ${row.call.slice(0, 6)}, which was stored`);
    }
  }

  // ------------------------------------------------------------------------------------------------ verbs

  /** One attempt over the courier, else over HTTP: what it became is not known without a reply. */
  async #sayOnce(verb: Verb): Promise<Reply | null> {
    if (!this.#wanted) return null;
    if (this.#simulator.dice.chance(0.1)) this.#up({ type: 'call', request: `x${++this.#numbers}`, verb });
    if (!this.#socket) return this.#byHttp(verb);
    const request = `v${++this.#numbers}`;
    const { promise, resolve } = Promise.withResolvers<Reply | null>();
    this.#waiting.set(request, resolve);
    this.#up({ type: 'call', request, verb });
    const stop = this.#simulator.plan(REPLY_LIMIT_MS, () => {
      this.#waiting.delete(request);
      resolve(null);
    });
    const reply = await promise;
    stop();
    return reply;
  }

  async #byHttp(verb: Verb): Promise<Reply | null> {
    const body = { do: 'verb', party: this.party, verb };
    const answer: Answer = await this.#simulator.command(
      { kind: 'call', name: verb.call },
      `h${++this.#numbers}`,
      body,
    );
    return answer.ok && this.#wanted ? (answer.value as unknown as Reply) : null;
  }

  say(verb: Verb): void {
    void this.#line.say(verb).then((reply) => {
      if (!reply) return;
      if (reply.ok && reply.granted) this.sight(verb.call).granted = true;
      this.#input({ type: 'reply', call: verb.call, verb: verb.verb, attempt: verb.attempt, reply });
    });
  }

  /** A verb that no machine would send; the call must bear it. */
  rogue(verb: Verb): void {
    this.#up({ type: 'call', request: `r${++this.#numbers}`, verb });
  }

  // ------------------------------------------------------------------------------------------------ the machine

  #frame(frame: CallFrame): void {
    if (frame.type === 'grant' || frame.type === 'accepted') this.sight(frame.call).granted = true;
    this.onFrame(frame);
    this.#input({ type: 'frame', frame });
  }

  #input(input: ClientInput): void {
    const { client, effects } = step(this.client, input, this.#now);
    this.client = client;
    const told = effects.filter(({ type }) => type !== 'timer').map(({ type }) => type);
    if (this.#simulator.trace && (told.length > 0 || input.type !== 'drained'))
      this.#simulator.remark(this.name, `${sentence(input)} -> ${told.join(', ') || 'nothing'}`);
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: ClientEffect): void {
    switch (effect.type) {
      case 'send-invite':
      case 'refresh-invite':
        return this.#invite(effect);
      case 'send-answer':
        return this.say(this.#answer(effect.call, effect.attempt, effect.media));
      case 'send':
        return this.say(effect.verb);
      case 'verify-invite':
        return this.#verify(effect.frame.body, (ok) =>
          this.#input({
            type: 'invite-verified',
            call: effect.call,
            ok,
            party: effect.frame.from,
            media: effect.frame.media,
          }),
        );
      case 'verify-answer': {
        const { account, device, body, media } = effect.frame;
        return this.#verify(body, (ok) =>
          this.#input({ type: 'answer-verified', call: effect.call, ok, party: { account, device }, media }),
        );
      }
      case 'alert':
        return this.#alert(effect.call);
      case 'handshake':
        this.sight(effect.call).planeWanted = true;
        return void this.#openPlane(effect.call, effect.peer);
      case 'media-on':
        return this.#mediaOn(effect.call, effect.peer);
      case 'ended':
        return this.#ended(effect.call, effect.reason);
      case 'redial':
        this.redials++;
        return this.place(effect.peer);
      case 'group':
      case 'suspicious':
        return;
      case 'timer':
        return this.#timer(effect.call, effect.key, effect.at);
      case 'stop-alert':
      case 'remote-ringing':
      case 'media-off':
      case 'ice-restart':
      case 'signal':
    }
  }

  #timer(call: string, key: string, at: number | null): void {
    const name = `${call} ${key}`;
    this.#timers.get(name)?.();
    this.#timers.delete(name);
    if (at === null) return;
    const run = () => this.#input({ type: 'timer', call, key });
    this.#timers.set(name, this.#simulator.plan(Math.max(0, at - this.#now), run));
  }

  #invite({ call, attempt, replaces, ...rest }: ClientEffect & { type: 'send-invite' | 'refresh-invite' }): void {
    const kept = this.#sealed.get(call);
    if (rest.type === 'send-invite' && rest.again && kept) return this.say(kept);
    const to = this.client.calls[call]?.peer.account ?? '';
    const found = this.lookups.get(to);
    if (!found) throw new Error(`${this.name} never looked ${to} up`);
    const stale = attempt === 0 && this.#simulator.dice.chance(0.1);
    const legs = (stale ? found.devices.slice(0, 1) : found.devices).map(({ device, capability }) => ({
      device,
      capability,
      message: hex(this.#simulator.dice.bytes(16)),
      body: words(`to ${device}`),
    }));
    const verb: Verb = {
      verb: 'invite',
      call,
      attempt,
      to,
      media: ['audio', 'video'],
      set: found.set,
      legs,
      ringMs: this.#simulator.dice.pick([15_000, 45_000]),
      ...(replaces !== null && { replaces }),
    };
    this.#sealed.set(call, verb);
    this.say(verb);
  }

  #answer(call: string, attempt: number, media: string[]): Verb {
    const kept = this.#sealed.get(call);
    if (kept?.verb === 'answer') return kept;
    const { device } = this.client.calls[call]?.peer ?? { device: null };
    const message = hex(this.#simulator.dice.bytes(16));
    const verb: Verb = { verb: 'answer', call, attempt, message, body: words(`to ${device}`), media };
    this.#sealed.set(call, verb);
    return verb;
  }

  /** What is sealed to this very device opens, and nothing else. */
  #verify(body: string, done: (ok: boolean) => void): void {
    const ok = body === words(`to ${this.party.device}`);
    if (!ok && body !== ROGUE_BODY) this.#witness.blame(`${this.name} takes what a peer sealed to it for forged`);
    this.#simulator.plan(this.#simulator.dice.below(30), () => done(ok));
  }

  #alert(call: string): void {
    const sight = this.sight(call);
    if (++sight.alerts > 1 && !this.answersAnybody)
      this.#witness.blame(`${this.name} alerts twice for call ${call.slice(0, 6)}`);
    const { rev = 0 } = this.client.calls[call] ?? {};
    const end = this.#witness
      .stored(this.party.device)
      .find((row) => row.call === call && row.rev > rev && END_FRAMES.has(row.type));
    if (end && end.seq <= this.#newestAtWelcome)
      this.#witness.blame(`no alert after the end in one drain: ${this.name} alerts for call ${call.slice(0, 6)}`);
    this.#simulator.plan(this.#simulator.dice.below(8_000), () => this.#decideAbout(call));
  }

  /** G5: consent of this user, grant, and the peer's confirmation, each seen here and not only believed by the machine. */
  #mediaOn(call: string, peer: Party): void {
    const sight = this.sight(call);
    const glare = () => [...this.sights.values()].some((own) => own.placedTo === peer.account && !own.dropped);
    const consent = !sight.dropped && (sight.placedTo !== null || sight.accepted || glare());
    const missing = [
      consent ? [] : ['consent'],
      sight.granted ? [] : ['grant'],
      sight.confirmedBy.has(peer.device) ? [] : ['key confirmation'],
    ].flat();
    if (missing.length > 0) this.#witness.blame(`G5: ${this.name} sends media without ${missing.join(' and ')}`);
    sight.media = peer;
    this.#simulator.plan(this.#simulator.dice.between(...this.talkMs), () => {
      if (this.client.calls[call]) this.#drop(call, { type: 'hangup', call });
    });
  }

  #ended(call: string, reason: string): void {
    const sight = this.sight(call);
    Object.assign(sight, { ended: reason, planeWanted: false });
    if (sight.plane) this.#cutPlane(sight.plane, 1000);
  }

  // ------------------------------------------------------------------------------------------------ the call plane

  #planeAddress(call: string) {
    return { kind: 'call', name: call };
  }

  #cutPlane(socket: SimulatedSocket, code = 1006): void {
    for (const [call, sight] of this.sights)
      if (sight.plane === socket) this.#simulator.cut(this.#planeAddress(call), socket, code);
  }

  /** A ticket, a socket, and again after every loss, as long as the call lasts. */
  async #openPlane(call: string, peer: Party): Promise<void> {
    const sight = this.sight(call);
    if (!sight.planeWanted || sight.plane) return;
    const again = () => void this.#simulator.plan(PLANE_RETRY_MS, () => void this.#openPlane(call, peer));
    if (!this.#wanted) return again();
    const to = this.#planeAddress(call);
    const asked = await this.#simulator.command(to, `t${++this.#numbers}`, { do: 'ticket', party: this.party });
    const ticket = asked.ok ? (asked.value as { ok: boolean; ticket?: string }).ticket : undefined;
    if (ticket === undefined) return again();
    if (!sight.planeWanted || sight.plane) return;
    const socket = this.#simulator.connect(to, [], { do: 'socket', ticket });
    sight.plane = socket;
    socket.onFrame = (frame) => this.#planeFrame(call, peer, frame);
    this.#input({ type: 'transport', call, up: true });
    this.#watch(call, socket, -1);
    this.#greet(call, socket);
    const { code } = await socket.closed;
    sight.plane = null;
    if (!sight.planeWanted) return;
    this.#simulator.remark(this.name, `lost the plane of ${call.slice(0, 6)}: ${code}`);
    this.#input({ type: 'transport', call, up: false });
    again();
  }

  /** As the SDK does: a keep-alive, and a plane on which nothing was heard since the last one is dead. */
  #watch(call: string, socket: SimulatedSocket, heard: number): void {
    this.#simulator.plan(IN_CALL_ALIVE_MS, () => {
      if (!socket.open) return;
      if (socket.frames.length === heard) return this.#cutPlane(socket);
      this.#simulator.send(this.#planeAddress(call), socket, PING);
      this.#watch(call, socket, socket.frames.length);
    });
  }

  #greet(call: string, socket: SimulatedSocket): void {
    const sight = this.sight(call);
    if (!socket.open || sight.heardPeer || !sight.planeWanted) return;
    this.#relay(call, 'request');
    this.#simulator.plan(HANDSHAKE_RETRY_MS, () => this.#greet(call, socket));
  }

  #relay(call: string, what: string): void {
    const { plane } = this.sight(call);
    if (plane) this.#simulator.send(this.#planeAddress(call), plane, utf8(`${what} ${this.party.device}`));
  }

  #planeFrame(call: string, peer: Party, frame: string | Uint8Array): void {
    if (frame === PONG) return;
    if (typeof frame === 'string') {
      const parsed = JSON.parse(frame) as CallFrame | { type: 'reply' };
      if (parsed.type !== 'reply') {
        this.onFrame(parsed);
        this.#input({ type: 'frame', frame: parsed });
      }
      return;
    }
    const [what, device] = new TextDecoder().decode(frame).split(' ');
    if (device !== peer.device)
      return this.answersAnybody && what === 'request' ? this.#relay(call, 'response') : undefined;
    const sight = this.sight(call);
    sight.confirmedBy.add(device);
    if (what === 'request') this.#relay(call, 'response');
    else sight.heardPeer = true;
    this.#input({ type: 'peer-confirmed', call });
  }
}

function words(text: string): string {
  return base64url(utf8(text));
}

function sentence(input: ClientInput): string {
  if (input.type === 'frame') return `frame ${input.frame.type} ${input.frame.call.slice(0, 6)} rev ${input.frame.rev}`;
  if (input.type === 'reply') return `reply to ${input.verb} ${input.call.slice(0, 6)} ${JSON.stringify(input.reply)}`;
  if (input.type === 'drained') return `drained ${input.drained}`;
  if (input.type === 'timer') return `timer ${input.key} ${input.call.slice(0, 6)}`;
  return `${input.type} ${input.call.slice(0, 6)}`;
}
