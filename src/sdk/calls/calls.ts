import { type Client, type ClientEffect, type ClientInput, emptyClient, type Phase, step } from '../../calls/client.ts';
import { type CallFrame, type Party, type PlaneFrame, type Reply, RING_MS, type Verb } from '../../protocol/call.ts';
import type { IdentifiedApi } from '../api.ts';
import type { ClientConfig } from '../config.ts';
import type { Courier } from '../courier.ts';
import type { Directory, Peer } from '../directory.ts';
import { CallsignError } from '../errors.ts';
import type { Call, CallPhase, CallPort } from './call.ts';
import { tell } from '../tell.ts';
import { answer, openInvite } from './callee.ts';
import { invite, lookedUpAgain, openAnswer, placed } from './caller.ts';
import type { Ground } from './ground.ts';
import type { Groups } from './group-call.ts';
import { erase, type HeldCall } from './held.ts';
import { link } from './link.ts';
import type { CallPlane } from './plane.ts';
import { onSignal, openEarly, sendSignal } from './signals.ts';
import { Timers } from './timers.ts';
import { VerbLine } from './verb-line.ts';
import { outcomeOf, sayOnce } from './ways.ts';

/** Pause before work of a call that met no server is done again. */
const WORK_RETRY_MS = 1_000;

/** What an application sees of a phase; before it alerts an incoming call is not shown, and its end is an event. */
const SHOWN: { readonly [P in Phase]: Exclude<CallPhase, 'ended'> | null } = {
  inviting: 'inviting',
  'remote-ringing': 'remote-ringing',
  merging: 'merging',
  announced: null,
  incoming: null,
  held: null,
  alerting: 'alerting',
  answering: 'answering',
  connecting: 'connecting',
  active: 'active',
  reconnecting: 'reconnecting',
  ended: null,
};

export interface CallsEvents {
  /** A verified call alerts on this device: show it, let the user accept or decline it. */
  readonly incoming: (call: Call) => void;
  /** Something that did not verify was dropped. */
  readonly suspicious: (call: string, reason: string) => void;
  readonly lastResort: Ground['lastResort'];
}

/**
 * The calls of this device: runs the pure machine of src/calls and carries its effects out with real cryptography and real
 * sockets. What may be done when is decided there; here is only how.
 */
export class Calls {
  readonly #ground: Ground;
  readonly #courier: () => Courier;
  readonly #events: CallsEvents;
  readonly #line: VerbLine;
  readonly #timers: Timers;
  readonly #held = new Map<string, HeldCall>();
  /** Calls that ended in the step under way, for the redial that may come with it. */
  readonly #gone = new Map<string, HeldCall>();
  /** Planes of calls that are over, until the end was said. */
  readonly #leaving = new Map<string, CallPlane>();
  /** An application that acts on an event adds to these: each step is carried out whole. */
  readonly #inputs: ClientInput[] = [];
  #stepping = false;
  #stopped = false;
  #client: Client;

  constructor(
    config: ClientConfig,
    api: IdentifiedApi,
    directory: Directory,
    groups: Groups | null,
    courier: () => Courier,
    events: CallsEvents,
  ) {
    this.#courier = courier;
    this.#events = events;
    const { account, device } = api.identity;
    this.#client = emptyClient({ account, device });
    this.#line = new VerbLine({ say: (verb) => this.#sayOnce(verb), now: config.now, after: config.after });
    this.#timers = new Timers(config.after);
    this.#ground = {
      config,
      api,
      directory,
      groups,
      now: () => config.now() + courier().clockOffset,
      step: (input) => this.#step(input),
      say: (verb) => this.#say(verb),
      behind: (call, work) => this.#behind(call, work),
      keep: (held) => this.#keep(held),
      find: (call) => this.#held.get(call) ?? null,
      port: (call) => this.#port(call),
      suspicious: (call, reason) => tell(events.suspicious, call, reason),
      lastResort: events.lastResort,
    };
  }

  /** Places a call to a peer that was looked up and verified. */
  place(peer: Peer, media: readonly string[]): Call {
    const held = placed(this.#ground, peer, media);
    const { id } = held.call;
    this.#hold(held);
    this.#step({ type: 'place', call: id, peer: peer.account, media: [...media], ringMs: RING_MS });
    return held.call;
  }

  /** A call frame of the mailbox or the call plane. */
  frame(frame: CallFrame): void {
    this.#step({ type: 'frame', frame });
  }

  drained(drained: boolean): void {
    this.#step({ type: 'drained', drained });
  }

  /** Frames are missing: of every call that goes on here the server is asked what became of it. */
  async resync(): Promise<void> {
    const { api } = this.#ground;
    for (const call of Object.keys(this.#client.calls)) {
      const reply = await outcomeOf(api, call, () => this.#ground.now());
      if (reply) this.#step({ type: 'reply', call, verb: 'alive', attempt: 0, reply });
    }
  }

  /** Another network: planes are opened anew, and whoever talks restarts ICE. */
  networkChanged(): void {
    for (const { call, plane, signals } of this.#held.values()) {
      if (signals) call.tell('ice-restart', { cause: 'network' });
      plane?.close();
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#line.stop();
    this.#timers.stop();
    const all = [...this.#held.values()];
    this.#held.clear();
    for (const held of all) {
      erase(held);
      held.plane?.close();
    }
  }

  /** What the application may ask of this call; of a call that is over nothing comes. */
  #port(call: string): CallPort {
    return {
      accept: (media) => this.#step({ type: 'accept', call, media: [...media] }),
      decline: (scope) => this.#step({ type: 'decline', call, scope }),
      hangup: () => this.#step({ type: 'hangup', call }),
      signal: async (content, generation) => {
        const held = this.#held.get(call);
        if (!held) throw new CallsignError('call', 'ended');
        await sendSignal(this.#ground, held, content, generation);
      },
      relay: (datagram) => this.#held.get(call)?.plane?.relay(datagram),
    };
  }

  #step(input: ClientInput): void {
    this.#inputs.push(input);
    if (this.#stepping) return;
    this.#stepping = true;
    for (let next = this.#inputs.shift(); next; next = this.#inputs.shift()) this.#stepOnce(next);
    this.#stepping = false;
  }

  #stepOnce(input: ClientInput): void {
    const { client, effects } = step(this.#client, input, this.#ground.now());
    this.#client = client;
    for (const held of this.#held.values()) this.#show(held);
    for (const effect of effects) this.#carryOut(effect);
    this.#gone.clear();
  }

  #show({ call, keys, signals, group }: HeldCall): void {
    const now = this.#client.calls[call.id];
    const phase = now && SHOWN[now.phase];
    if (!phase || phase === call.phase) return;
    const { account, device } = now.peer;
    if (phase !== 'active' && phase !== 'reconnecting') call.become({ phase });
    else if ((signals || group?.newcomer) && device !== null) call.become({ phase, peer: { account, device }, keys });
  }

  /** What was made for a call that ended meanwhile is forgotten at once. */
  #keep(held: HeldCall): void {
    if (this.#client.calls[held.call.id] && !this.#stopped) this.#hold(held);
    else erase(held);
  }

  #hold(held: HeldCall): void {
    held.group = this.#ground.groups?.attach(this.#ground, held) ?? null;
    held.call.group = held.group?.face ?? null;
    this.#held.set(held.call.id, held);
  }

  #carryOut(effect: ClientEffect): void {
    const ground = this.#ground;
    switch (effect.type) {
      case 'send-invite':
        return this.#with(effect.call, (held) => invite(ground, held, effect.attempt, effect.again));
      case 'refresh-invite':
        return this.#with(effect.call, (held) => invite(ground, held, effect.attempt, false));
      case 'send-answer':
        return this.#with(effect.call, (held) => answer(ground, held, effect.attempt, effect.media));
      case 'send': {
        const farewell = effect.verb.verb === 'hangup' && this.#held.get(effect.verb.call)?.group?.farewell;
        return this.#behind(effect.verb.call, async () => void (await this.#say(farewell || effect.verb)));
      }
      case 'verify-invite':
        return this.#behind(effect.call, () => openInvite(ground, effect.frame));
      case 'verify-answer':
        return this.#behind(effect.call, () => openAnswer(ground, effect.frame));
      case 'alert':
        return this.#alert(effect.call);
      case 'handshake':
        return this.#with(effect.call, (held) => link(ground, held));
      case 'media-on':
        return this.#mediaOn(effect.call, effect.peer);
      case 'signal':
        return this.#signal(effect.call, effect.frame);
      case 'group':
        return this.#held.get(effect.call)?.group?.frame(effect.frame);
      case 'ice-restart':
        return this.#held.get(effect.call)?.call.tell('ice-restart', { cause: 'transport' });
      case 'redial':
        return this.#redial(effect);
      case 'suspicious':
        return tell(this.#events.suspicious, effect.call, 'unverified');
      case 'ended':
        return this.#ended(effect);
      case 'timer':
        return this.#timer(effect);
      // The phase that goes with them has told the application.
      case 'remote-ringing':
      case 'stop-alert':
      case 'media-off':
        return;
    }
  }

  #with(call: string, work: (held: HeldCall) => Promise<void>): void {
    this.#behind(call, async () => {
      const held = this.#held.get(call);
      if (held) await work(held);
    });
  }

  /** Without a server the work is done again while the call lasts; other failures are the call's. */
  #behind(call: string, work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      if (error instanceof CallsignError && error.code === 'network') {
        if (this.#client.calls[call]) this.#ground.config.after(WORK_RETRY_MS, () => this.#behind(call, work));
        return;
      }
      tell(this.#events.suspicious, call, error instanceof CallsignError ? error.reason : String(error));
      this.#step({ type: 'hangup', call });
    });
  }

  #timer({ call, key, at }: ClientEffect & { type: 'timer' }): void {
    const ms = at === null ? null : at - this.#ground.now();
    this.#timers.set(`${call} ${key}`, ms, () => this.#step({ type: 'timer', call, key }));
  }

  async #say(verb: Verb): Promise<Reply | null> {
    const reply = await this.#line.say(verb);
    if (reply) this.#step({ type: 'reply', call: verb.call, verb: verb.verb, attempt: verb.attempt, reply });
    return reply;
  }

  #sayOnce(verb: Verb): Promise<Reply | null> {
    const plane = this.#held.get(verb.call)?.plane ?? this.#leaving.get(verb.call) ?? null;
    return sayOnce(verb, { plane, courier: this.#courier(), api: this.#ground.api });
  }

  #alert(id: string): void {
    const held = this.#held.get(id);
    if (held) tell(this.#events.incoming, held.call);
  }

  #mediaOn(id: string, peer: Party): void {
    const held = this.#held.get(id);
    if (!held?.keys) return;
    held.call.tell('media', { peer, keys: held.keys });
    openEarly(this.#ground, held);
  }

  #signal(id: string, frame: PlaneFrame & { type: 'signal' }): void {
    const held = this.#held.get(id);
    if (held) onSignal(this.#ground, held, frame);
  }

  /** What is still to be said of the call goes over its plane: a socket that closed before would be a peer that got lost. */
  #leave({ call, plane }: HeldCall): void {
    if (!plane) return;
    this.#leaving.set(call.id, plane);
    void this.#line.silent(call.id).then(() => {
      this.#leaving.delete(call.id);
      plane.close();
    });
  }

  /** The user's call was merged into one that is gone: the peer is looked up, verified and called again. */
  #redial({ call: id, media }: ClientEffect & { type: 'redial' }): void {
    const { call, peer } = this.#gone.get(id) ?? {};
    if (!call || !peer) return;
    this.#behind(id, async () => {
      const again = this.place(await lookedUpAgain(this.#ground, peer), media);
      call.tell('continued', { call: again, how: 'redialed' });
    });
  }

  #ended({ call: id, reason, elsewhere }: ClientEffect & { type: 'ended' }): void {
    const held = this.#held.get(id);
    if (!held) return;
    const survivor = Object.values(this.#client.calls).find(({ mergedFrom }) => mergedFrom === id);
    const merged = survivor && this.#held.get(survivor.id);
    this.#held.delete(id);
    this.#gone.set(id, held);
    erase(held);
    this.#leave(held);
    if (merged) held.call.tell('continued', { call: merged.call, how: 'merged' });
    held.call.become({ phase: 'ended', reason, elsewhere });
    held.call.tell('ended', { reason, elsewhere });
  }
}
