/**
 * Two accounts, their devices and the server between them, all of it the real pure rooms, in virtual time: calls, pair
 * lock, policy, mailboxes, inboxes and client machines. Mail between actors is durable, exactly once and in order per
 * pair, with random delays; requests and frames of clients are delayed, repeated and lost, and then sent again.
 */
import type { Call } from '../../src/calls/call.ts';
import type { Client, ClientEffect, ClientInput } from '../../src/calls/client.ts';
import { emptyClient, step } from '../../src/calls/client.ts';
import type { CallCommand, LockAnswer, PolicyAnswer } from '../../src/calls/command.ts';
import { decide } from '../../src/calls/decide.ts';
import type { AccountMail, Decision, Effect, LockRequest } from '../../src/calls/effect.ts';
import { releaseLock, takeLock } from '../../src/calls/pair.ts';
import type { PairRow } from '../../src/calls/pair.ts';
import { judgeInvite } from '../../src/calls/policy.ts';
import type { CallPolicy } from '../../src/calls/policy.ts';
import { decide as decideMailbox, deliverFrame } from '../../src/courier/decide.ts';
import { emptyMailbox } from '../../src/courier/mailbox.ts';
import type { Mailbox, MailboxCommand, MailboxEffect } from '../../src/courier/mailbox.ts';
import { emptyInbox, receive } from '../../src/courier/receive.ts';
import type { Inbox } from '../../src/courier/receive.ts';
import type { CallFrame, Party, Reply, Verb } from '../../src/protocol/call.ts';
import type { ServerFrame } from '../../src/protocol/courier.ts';
import type { Envelope } from '../../src/protocol/envelope.ts';
import type { HistoryRow } from '../../src/protocol/history.ts';

/** A rule that is left out on purpose, so that a property can show that it would be missed. */
export type Broken = 'none' | 'winner' | 'drained' | 'pair-lock';

export type Weather = {
  /** Longest delay of anything, ms. */
  delayMs: number;
  /** Of a request or its reply, and of a frame: lost, or repeated. */
  loss: number;
  repeat: number;
  /** Whether mailboxes collapse the frames of one call; without it, whole stories wait in them. */
  collapse: boolean;
  /** How often an invitation is made for a device list that has changed since. */
  stale: number;
};

export type Answering = 'accept' | 'decline-device' | 'decline-all' | 'ignore' | 'busy' | 'nothing';

const OPEN: CallPolicy = { blocked: [], quietUntil: null, contactsOnly: false, contacts: ['A', 'B'] };
const LAST = new Set(['cancelled', 'ended', 'elsewhere']);
const REQUEST_RETRY_MS = 700;
const REQUEST_TRIES = 30;

class Violation extends Error {}

export class World {
  now = 1_000;
  /** What happened, to read a failing story by. */
  readonly trace: (readonly [number, string, string, unknown])[] = [];
  readonly devices = new Map<string, Device>();
  readonly accounts = new Map<string, Account>();
  readonly calls = new Map<string, CallActor>();
  readonly weather: Weather;
  readonly broken: Broken;
  readonly #agenda: { at: number; order: number; run: () => void }[] = [];
  readonly #lastMail = new Map<string, number>();
  #order = 0;
  #state: number;

  constructor(seed: number, weather: Weather, broken: Broken = 'none') {
    this.#state = seed;
    this.weather = weather;
    this.broken = broken;
  }

  /** 0 ≤ x < 1 (mulberry32). */
  random(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  at(time: number, run: () => void): void {
    this.#agenda.push({ at: Math.max(time, this.now), order: this.#order++, run });
  }

  after(ms: number, run: () => void): void {
    this.at(this.now + ms, run);
  }

  /** Durable: late, but exactly once and in order. */
  mail(from: string, to: string, run: () => void): void {
    const key = `${from}>${to}`;
    const at = Math.max(this.now + this.delay(), this.#lastMail.get(key) ?? 0);
    this.#lastMail.set(key, at);
    this.at(at, run);
  }

  delay(): number {
    return Math.floor(this.random() ** 3 * this.weather.delayMs);
  }

  /** Volatile: perhaps never, perhaps twice. */
  wire(run: () => void): void {
    if (this.random() < this.weather.loss) return;
    this.after(this.delay(), run);
    if (this.random() < this.weather.repeat) this.after(this.delay(), run);
  }

  run(until: number): void {
    while (this.#agenda.length > 0) {
      let first = 0;
      for (const [place, entry] of this.#agenda.entries()) {
        const best = this.#agenda[first]!;
        if (entry.at < best.at || (entry.at === best.at && entry.order < best.order)) first = place;
      }
      const entry = this.#agenda[first]!;
      if (entry.at > until) return;
      this.#agenda.splice(first, 1);
      this.now = entry.at;
      entry.run();
    }
  }

  account(id: string): Account {
    const known = this.accounts.get(id) ?? new Account(this, id);
    this.accounts.set(id, known);
    return known;
  }

  call(id: string): CallActor {
    const known = this.calls.get(id) ?? new CallActor(this, id);
    this.calls.set(id, known);
    return known;
  }

  add(account: string, device: string, answering: Answering, answerAfterMs: number): Device {
    const added = new Device(this, { account, device }, answering, answerAfterMs);
    this.devices.set(device, added);
    this.account(account).devices.push(device);
    return added;
  }

  note(who: string, what: string, detail: unknown): void {
    this.trace.push([this.now, who, what, detail]);
  }

  demand(holds: boolean, property: string, detail: string): void {
    if (holds) return;
    const lines = this.trace.map(([now, who, what, more]) => `${now} ${who} ${what} ${JSON.stringify(more)}`);
    throw new Violation(`${property}: ${detail} (at ${this.now} ms)\n${lines.join('\n')}`);
  }
}

class Account {
  readonly devices: string[] = [];
  readonly history = new Map<string, HistoryRow>();
  policy: CallPolicy = OPEN;
  readonly #world: World;
  readonly #id: string;
  #pairs: PairRow[] = [];

  constructor(world: World, id: string) {
    this.#world = world;
    this.#id = id;
  }

  receive(mail: AccountMail): void {
    const { now } = this.#world;
    if (mail.type === 'invite-question') {
      const answer = this.#judge(mail);
      const locked: PolicyAnswer =
        answer.verdict === 'ring' && mail.lock ? { ...answer, lock: this.#take(mail.lock) } : answer;
      this.#answer(mail.call, { type: 'policy', attempt: mail.attempt, answer: locked });
    } else if (mail.type === 'lock-take') {
      this.#answer(mail.lock.call, { type: 'lock', attempt: mail.attempt, answer: this.#take(mail.lock) });
    } else if (mail.type === 'lock-release') {
      this.#pairs = releaseLock(this.#pairs, mail.call, now);
    } else {
      this.#world.demand(!this.history.has(mail.row.call), 'I4 one history row', `${this.#id} ${mail.row.call}`);
      this.history.set(mail.row.call, mail.row);
    }
  }

  #judge(mail: AccountMail & { type: 'invite-question' }): PolicyAnswer {
    const callable = { set: 1, devices: this.devices.map((device) => ({ device })) };
    const devices = mail.legs.map(({ device }) => device);
    const facts = {
      caller: mail.from.account,
      devices,
      set: mail.set,
      callable,
      staleCapabilities: [],
      bucket: null,
      unanswered: 0,
      random: this.#world.random(),
    };
    return judgeInvite(this.policy, facts, this.#world.now).answer;
  }

  #take(request: LockRequest): LockAnswer {
    const { now, broken } = this.#world;
    if (broken === 'pair-lock') return { lock: 'taken' };
    const { rows, answer, losers } = takeLock(this.#pairs, request, now);
    this.#pairs = rows;
    for (const loser of losers) this.#answer(loser, { type: 'glare', account: this.#id, survivor: request.call });
    return answer;
  }

  #answer(call: string, command: CallCommand): void {
    this.#world.mail(this.#id, call, () => this.#world.call(call).command(command));
  }
}

class CallActor {
  call: Call | null = null;
  readonly events: string[] = [];
  /** Devices that were ever told that they hold the call. */
  readonly granted = new Set<string>();
  readonly #world: World;
  readonly #id: string;
  readonly #deadlines = new Map<string, number>();

  constructor(world: World, id: string) {
    this.#world = world;
    this.#id = id;
  }

  command(command: CallCommand): Reply | null {
    const decision = this.#decide(command);
    if (command.type === 'verb') this.#repeat(command, decision);
    return decision.reply;
  }

  #decide(command: CallCommand): Decision {
    const world = this.#world;
    const before = world.broken === 'winner' ? forgetWinner(this.call, command) : this.call;
    const decision = decide(before, command, world.now);
    world.demand((decision.call?.rev ?? 0) >= (this.call?.rev ?? 0), 'revisions grow', this.#id);
    world.demand(this.call?.state !== 'ended' || decision.call?.state === 'ended', 'an end is final', this.#id);
    world.note(this.#id.slice(-3), decision.call?.state ?? 'none', [command, decision.reply]);
    this.call = decision.call;
    if (decision.reply?.ok && decision.reply.granted && command.type === 'verb') this.#grant(command.party.device);
    for (const effect of decision.effects) this.#carryOut(effect);
    return decision;
  }

  /** I6: the same verb again is answered the same and changes nothing. */
  #repeat(command: CallCommand & { type: 'verb' }, first: Decision): void {
    const { verb } = command.verb;
    if (['alive', 'signal', 'socket'].includes(verb) || this.#world.broken !== 'none') return;
    const again = decide(this.call, command, this.#world.now);
    const quiet = again.call === this.call && again.effects.length === 0;
    this.#world.demand(quiet, 'I6 idempotence', `${verb} by ${command.party.device}`);
    const same = JSON.stringify(again.reply) === JSON.stringify(first.reply);
    this.#world.demand(
      same || verb === 'invite',
      'I6 same answer',
      `${verb}: ${JSON.stringify([first.reply, again.reply])}`,
    );
  }

  #grant(device: string): void {
    this.granted.add(device);
    this.#world.demand(this.granted.size <= 1, 'I2 one winner', `${this.#id}: ${[...this.granted].join(', ')}`);
  }

  #carryOut(effect: Effect): void {
    const world = this.#world;
    switch (effect.type) {
      case 'mail':
        if ((effect.envelope.body as CallFrame).type === 'grant') this.#grant(effect.to.device);
        return this.#mail(effect.to, effect.envelope, effect.invitation);
      case 'account':
        return world.mail(this.#id, effect.to, () => world.account(effect.to).receive(effect.mail));
      case 'call':
        return world.mail(this.#id, effect.to, () => this.#toCall(effect.to, { type: 'call', mail: effect.mail }));
      case 'frame':
        return world.wire(() => world.devices.get(effect.to.device)?.plane(effect.frame));
      case 'deadline':
        return this.#deadline(effect.key, effect.at);
      case 'event':
        return void this.events.push(effect.event);
      case 'close-socket':
      case 'proof':
      case 'erase':
    }
  }

  #toCall(to: string, command: CallCommand): void {
    const target = this.#world.call(to);
    if (target.call) target.command(command);
    else this.#world.mail(to, this.#id, () => this.command({ type: 'call-missing', call: to, known: true }));
  }

  #mail(to: Party, envelope: Envelope, invitation: boolean): void {
    const world = this.#world;
    const device = world.devices.get(to.device)!;
    const body = envelope.body as { message?: string };
    const kept = world.weather.collapse ? envelope : { ...envelope, collapse: null };
    world.mail(this.#id, to.device, () => {
      const reply = device.put(kept, () =>
        world.mail(to.device, this.#id, () => this.command({ type: 'delivered', party: to })),
      );
      if (!invitation || !reply) return;
      const outcome = reply.ok ? 'stored' : 'refused';
      world.mail(to.device, this.#id, () =>
        this.command({ type: 'mailed', party: to, message: body.message ?? '', outcome }),
      );
    });
  }

  #deadline(key: string, at: number | null): void {
    if (at === null) return void this.#deadlines.delete(key);
    this.#deadlines.set(key, at);
    this.#world.at(at + this.#world.random() * 50, () => {
      const due = this.#deadlines.get(key);
      if (due === undefined || due > this.#world.now) return;
      this.#deadlines.delete(key);
      this.command({ type: 'due', key });
    });
  }
}

/** What a call would decide an answer by if it did not remember the first one. */
function forgetWinner(call: Call | null, command: CallCommand): Call | null {
  if (command.type !== 'verb' || command.verb.verb !== 'answer') return call;
  if (call?.state !== 'granted' && call?.state !== 'connected') return call;
  const { device } = command.party;
  if (!call.legs.some((leg) => leg.device === device && leg.state === 'elsewhere')) return call;
  const legs = call.legs.map((leg) => (leg.device === device ? { ...leg, state: 'alerting' as const } : leg));
  return { ...call, state: 'ringing', winner: null, legs };
}

export class Device {
  client: Client;
  readonly party: Party;
  readonly alerts: string[] = [];
  /** Peers of calls whose media ran here. */
  readonly media = new Map<string, Party>();
  readonly redials: string[] = [];
  answering: Answering;
  online = false;
  readonly #world: World;
  readonly #answerAfterMs: number;
  readonly #timers = new Map<string, number>();
  readonly #receipts = new Map<string, () => void>();
  readonly #bodies = new Map<number, unknown>();
  readonly #handshakes = new Map<string, Party>();
  #mailbox: Mailbox = emptyMailbox('box');
  #inbox: Inbox = emptyInbox();
  #connection = 0;
  #lastFrameAt = 0;
  /** Calls whose end waited in the mailbox when this connection opened. */
  #endedInBacklog = new Set<string>();

  constructor(world: World, party: Party, answering: Answering, answerAfterMs: number) {
    this.#world = world;
    this.party = party;
    this.answering = answering;
    this.#answerAfterMs = answerAfterMs;
    this.client = emptyClient(party);
  }

  place(call: string, to: string, again = false): void {
    const old = Object.values(this.client.calls).find((one) => one.role === 'caller' && one.phase !== 'merging');
    const replaces = again && old ? { replaces: old.id } : {};
    this.input({ type: 'place', call, peer: to, media: ['audio', 'video'], ringMs: 45_000, ...replaces });
  }

  hangup(): void {
    for (const call of Object.values(this.client.calls)) this.input({ type: 'hangup', call: call.id });
  }

  connect(): void {
    if (this.online) this.cut();
    this.online = true;
    const connection = ++this.#connection;
    const waiting = this.#mailbox.rows
      .filter((row) => row.state === 'waiting')
      .map((row) => this.#bodies.get(row.seq) as CallFrame);
    this.#endedInBacklog = new Set(waiting.filter((frame) => LAST.has(frame.type)).map((frame) => frame.call));
    if (this.#world.broken === 'drained') this.input({ type: 'drained', drained: true });
    this.mailbox({
      type: 'open',
      connection: `${connection}`,
      box: this.#inbox.box,
      lastSeq: this.#inbox.upTo,
      nextNonce: 'n',
      freshBox: 'f',
    });
  }

  cut(): void {
    if (!this.online) return;
    this.online = false;
    this.mailbox({ type: 'closed', connection: `${this.#connection}` });
    this.#inbox = receive(this.#inbox, { type: 'disconnected' }, this.#world.now).inbox;
    this.input({ type: 'drained', drained: false });
  }

  put(envelope: Envelope, receipt: () => void): { ok: boolean } | null {
    this.#receipts.set(envelope.id, receipt);
    return this.mailbox({ type: 'put', envelope });
  }

  mailbox(command: MailboxCommand): { ok: boolean } | null {
    const { mailbox, effects, reply } = decideMailbox(this.#mailbox, command, this.#world.now);
    this.#mailbox = mailbox;
    for (const effect of effects) this.#carryOut(effect, command);
    return reply;
  }

  #carryOut(effect: MailboxEffect, command: MailboxCommand): void {
    if (effect.type === 'insert' && command.type === 'put') this.#bodies.set(effect.row.seq, command.envelope.body);
    if (effect.type === 'receipt') this.#receipts.get(effect.id)?.();
    if (effect.type === 'frame') this.#down(effect.frame);
    if (effect.type !== 'deliver') return;
    const row = this.#mailbox.rows.find(({ seq }) => seq === effect.seq)!;
    this.#down(deliverFrame(row, this.#bodies.get(row.seq), this.#world.now));
  }

  /** In order, as on one socket, and gone with it. */
  #down(frame: ServerFrame): void {
    const connection = this.#connection;
    this.#lastFrameAt = Math.max(this.#lastFrameAt, this.#world.now + this.#world.delay());
    this.#world.at(this.#lastFrameAt, () => {
      if (this.online && connection === this.#connection) this.#frame(frame);
    });
  }

  #frame(frame: ServerFrame): void {
    const { inbox, effects } = receive(this.#inbox, { type: 'frame', frame }, this.#world.now);
    this.#inbox = inbox;
    for (const effect of effects) {
      if (effect.type === 'ack') this.#ack(effect.upTo);
      if (effect.type === 'drained' && this.#world.broken !== 'drained') this.input({ type: 'drained', drained: true });
      if (effect.type !== 'handle') continue;
      this.input({ type: 'frame', frame: effect.envelope.body as CallFrame });
      const done = receive(this.#inbox, { type: 'done', envelope: effect.envelope }, this.#world.now);
      this.#inbox = done.inbox;
      for (const one of done.effects) if (one.type === 'ack') this.#ack(one.upTo);
    }
  }

  #ack(upTo: number): void {
    const connection = `${this.#connection}`;
    this.#world.after(this.#world.delay(), () => this.mailbox({ type: 'ack', connection, upTo }));
  }

  plane(frame: CallFrame): void {
    this.input({ type: 'frame', frame });
  }

  input(input: ClientInput): void {
    const { client, effects } = step(this.client, input, this.#world.now);
    this.client = client;
    this.#world.note(this.party.device, input.type, [input, effects.filter(({ type }) => type !== 'timer')]);
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: ClientEffect): void {
    const world = this.#world;
    switch (effect.type) {
      case 'send-invite':
      case 'refresh-invite':
        return this.#request(this.#invite(effect.call, effect.attempt, effect.replaces));
      case 'send-answer':
        return this.#request({
          verb: 'answer',
          call: effect.call,
          attempt: effect.attempt,
          message: message(),
          body: 'answer',
        });
      case 'send':
        return this.#request(effect.verb);
      case 'verify-invite':
        return world.after(world.delay(), () =>
          this.input({
            type: 'invite-verified',
            call: effect.call,
            ok: true,
            party: effect.frame.from,
            media: effect.frame.media,
          }),
        );
      case 'verify-answer': {
        const { account, device, media } = effect.frame;
        return world.after(world.delay(), () =>
          this.input({ type: 'answer-verified', call: effect.call, ok: true, party: { account, device }, media }),
        );
      }
      case 'alert':
        return this.#alert(effect.call);
      case 'handshake':
        this.#handshakes.set(effect.call, effect.peer);
        return this.#shake(effect.call);
      case 'media-on':
        this.media.set(effect.call, effect.peer);
        return world.after(20_000, () => this.input({ type: 'hangup', call: effect.call }));
      case 'redial':
        return void this.redials.push(effect.call);
      case 'timer':
        return this.#timer(effect.call, effect.key, effect.at);
      case 'ended':
      case 'group':
      case 'stop-alert':
      case 'remote-ringing':
      case 'media-off':
      case 'ice-restart':
      case 'signal':
      case 'suspicious':
    }
  }

  #alert(call: string): void {
    this.#world.demand(!this.alerts.includes(call), 'I5 rings once', `${this.party.device} ${call}`);
    this.#world.demand(
      !this.#endedInBacklog.has(call),
      'I5 no alert after the end in one drain',
      `${this.party.device} ${call}`,
    );
    this.alerts.push(call);
    this.#world.after(this.#answerAfterMs, () => this.#act(call));
  }

  #act(call: string): void {
    const what = this.answering;
    if (what === 'accept') this.input({ type: 'accept', call, media: ['audio', 'video'] });
    if (what === 'decline-all') this.input({ type: 'decline', call, scope: 'all' });
    if (what === 'decline-device') this.input({ type: 'decline', call, scope: 'device' });
    if (what === 'ignore' || what === 'busy') this.input({ type: what, call });
  }

  /** Keys are confirmed when the two devices of the call shook hands with each other, and with nobody else. */
  #shake(call: string): void {
    const peer = this.#world.devices.get(this.#handshakes.get(call)!.device)!;
    if (peer.#handshakes.get(call)?.device !== this.party.device) return;
    for (const device of [this, peer])
      this.#world.after(this.#world.delay(), () => device.input({ type: 'peer-confirmed', call }));
  }

  #invite(call: string, attempt: number, replaces: string | null): Verb {
    const to = this.client.calls[call]!.peer.account;
    const { devices } = this.#world.account(to);
    const known = attempt === 0 && this.#world.random() < this.#world.weather.stale ? devices.slice(0, 1) : devices;
    const legs = known.map((device) => ({ device, capability: 'c', message: message(), body: 'b' }));
    const rest = replaces === null ? {} : { replaces };
    return { verb: 'invite', call, attempt, to, media: ['audio', 'video'], set: 1, legs, ...rest };
  }

  /** A verb over HTTP or the courier: lost, repeated, and sent again until there is a reply. */
  #request(verb: Verb, tries = REQUEST_TRIES): void {
    const world = this.#world;
    let replied = false;
    world.wire(() => {
      const reply = world.call(verb.call).command({ type: 'verb', party: this.party, verb });
      world.wire(() => {
        if (replied || !reply) return;
        replied = true;
        this.input({ type: 'reply', call: verb.call, verb: verb.verb, attempt: verb.attempt, reply });
      });
    });
    world.after(REQUEST_RETRY_MS, () => {
      if (!replied && tries > 0) this.#request(verb, tries - 1);
    });
  }

  #timer(call: string, key: string, at: number | null): void {
    const name = `${call}/${key}`;
    if (at === null) return void this.#timers.delete(name);
    this.#timers.set(name, at);
    this.#world.at(at, () => {
      if (this.#timers.get(name) === at) this.input({ type: 'timer', call, key });
    });
  }
}

let messages = 0;
function message(): string {
  return (++messages).toString(16).padStart(32, '0');
}
