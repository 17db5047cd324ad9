import * as v from 'valibot';
import { type Client, type ClientEffect, type ClientInput, emptyClient, step } from '../../calls/client.ts';
import { type CallFrame, type EndReason, type Party, type Reply, RING_MS, type Verb } from '../../protocol/call.ts';
import type { IdentifiedApi } from '../api.ts';
import type { ClientConfig } from '../config.ts';
import type { Courier } from '../courier.ts';
import type { Directory, Peer } from '../directory.ts';
import { CallsignError } from '../errors.ts';
import type { Call } from './call.ts';
import { answer, openInvite } from './callee.ts';
import { invite, openAnswer, placed } from './caller.ts';
import type { Ground } from './ground.ts';
import { erase, type HeldCall } from './held.ts';
import { link } from './link.ts';
import { VerbLine } from './verb-line.ts';

/** Pause before work of a call that met no server is done again. */
const WORK_RETRY_MS = 1_000;

const CallReply = v.looseObject({ ok: v.boolean(), call: v.string() });
const ActiveCall = v.looseObject({ state: v.string(), rev: v.number(), reason: v.nullable(v.string()) });

export interface CallsEvents {
  /** A verified call alerts on this device: show it, let the user accept or decline it. */
  incoming(call: Call): void;
  /** Something that did not verify was dropped. */
  suspicious(call: string, reason: string): void;
}

/**
 * The calls of this device: runs the pure machine of src/calls and carries its effects out with real cryptography and real
 * sockets. What may be done when is decided there; here is only how.
 */
export class Calls {
  readonly #config: ClientConfig;
  readonly #api: IdentifiedApi;
  readonly #courier: () => Courier;
  readonly #events: CallsEvents;
  readonly #ground: Ground;
  readonly #line: VerbLine;
  readonly #held = new Map<string, HeldCall>();
  readonly #timers = new Map<string, () => void>();
  #client: Client;

  constructor(
    config: ClientConfig,
    api: IdentifiedApi,
    directory: Directory,
    courier: () => Courier,
    events: CallsEvents,
  ) {
    this.#config = config;
    this.#api = api;
    this.#courier = courier;
    this.#events = events;
    const { account, device } = api.identity;
    this.#client = emptyClient({ account, device });
    this.#line = new VerbLine({ say: (verb) => this.#sayOnce(verb), now: config.now, after: config.after });
    this.#ground = {
      config,
      api,
      directory,
      now: () => this.#now(),
      step: (input) => this.#step(input),
      say: (verb) => this.#say(verb),
      behind: (call, work) => this.#behind(call, work),
      find: (call) => this.#held.get(call) ?? null,
      suspicious: (call, reason) => events.suspicious(call, reason),
    };
  }

  /** Places a call to a peer that was looked up and verified. */
  place(peer: Peer, media: readonly string[]): Call {
    const held = placed(this.#ground, peer, media);
    const { id } = held.call;
    this.#held.set(id, held);
    this.#step({ type: 'place', call: id, peer: peer.account, media: [...media], ringMs: RING_MS });
    return held.call;
  }

  accept(call: Call, media: readonly string[] = call.media): void {
    this.#step({ type: 'accept', call: call.id, media: [...media] });
  }

  decline(call: Call, scope: 'device' | 'all' = 'all'): void {
    this.#step({ type: 'decline', call: call.id, scope });
  }

  hangup(call: Call): void {
    this.#step({ type: 'hangup', call: call.id });
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
    for (const call of Object.keys(this.#client.calls)) {
      try {
        const path = `/v1/calls/${call}`;
        const { state, rev, reason } = await this.#api.ask(ActiveCall, { method: 'GET', path });
        if (state === 'ended')
          this.#told(call, {
            ok: true,
            call,
            rev,
            state,
            serverNow: this.#now(),
            reason: (reason ?? 'failed') as EndReason,
          });
      } catch (error) {
        if (error instanceof CallsignError && error.status === 404)
          this.#told(call, { ok: false, call, rev: 0, serverNow: this.#now(), reason: 'unknown-call' });
      }
    }
  }

  /** What a look at the call told, as if the call had answered a verb that changes nothing. */
  #told(call: string, reply: Reply): void {
    this.#step({ type: 'reply', call, verb: 'alive', attempt: 0, reply });
  }

  stop(): void {
    this.#line.stop();
    for (const cancel of this.#timers.values()) cancel();
    for (const held of this.#held.values()) erase(held);
    this.#held.clear();
  }

  #now(): number {
    return this.#config.now() + this.#courier().clockOffset;
  }

  #step(input: ClientInput): void {
    const { client, effects } = step(this.#client, input, this.#now());
    this.#client = client;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: ClientEffect): void {
    switch (effect.type) {
      case 'send-invite':
      case 'refresh-invite':
        return this.#with(effect.call, (held) =>
          invite(this.#ground, held, effect.attempt, effect.type === 'send-invite' && effect.again),
        );
      case 'send-answer':
        return this.#with(effect.call, (held) => answer(this.#ground, held, effect.attempt, effect.media));
      case 'send':
        return this.#behind(effect.verb.call, () => this.#say(effect.verb));
      case 'verify-invite':
        return this.#behind(effect.call, () =>
          openInvite(this.#ground, effect.frame, (held) => this.#held.set(effect.call, held)),
        );
      case 'verify-answer':
        return this.#behind(effect.call, () => openAnswer(this.#ground, effect.frame));
      case 'alert':
        return this.#alert(effect.call);
      case 'remote-ringing':
        return this.#held.get(effect.call)?.call.tell('phase', 'remote-ringing');
      case 'handshake':
        this.#held.get(effect.call)?.call.tell('phase', 'connecting');
        return this.#with(effect.call, (held) => link(this.#ground, held));
      case 'media-on':
        return this.#mediaOn(effect.call, effect.peer);
      case 'suspicious':
        return this.#events.suspicious(effect.call, 'unverified');
      case 'ended':
        return this.#ended(effect);
      case 'timer':
        return this.#timer(effect.call, effect.key, effect.at);
      case 'stop-alert':
      case 'media-off':
      case 'ice-restart':
      case 'signal':
      case 'redial':
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
        if (this.#client.calls[call]) this.#config.after(WORK_RETRY_MS, () => this.#behind(call, work));
        return;
      }
      this.#events.suspicious(call, error instanceof CallsignError ? error.reason : String(error));
      this.#step({ type: 'hangup', call });
    });
  }

  #timer(call: string, key: string, at: number | null): void {
    const name = `${call} ${key}`;
    this.#timers.get(name)?.();
    this.#timers.delete(name);
    if (at !== null)
      this.#timers.set(
        name,
        this.#config.after(Math.max(0, at - this.#now()), () => this.#step({ type: 'timer', call, key })),
      );
  }

  async #say(verb: Verb): Promise<void> {
    const reply = await this.#line.say(verb);
    if (reply) this.#step({ type: 'reply', call: verb.call, verb: verb.verb, attempt: verb.attempt, reply });
  }

  /** Over the call plane while it is open, else over the courier, else over HTTP. */
  async #sayOnce(verb: Verb): Promise<Reply | null> {
    const plane = this.#held.get(verb.call)?.call.plane ?? null;
    const said = (plane && (await plane.say(verb))) ?? (await this.#courier().say(verb));
    if (said || this.#courier().connected) return said;
    const path = `/v1/calls/${verb.call}/verbs`;
    return (await this.#api.ask(CallReply, {
      method: 'POST',
      path,
      body: verb,
      repeatable: false,
    })) as unknown as Reply;
  }

  #alert(id: string): void {
    const held = this.#held.get(id);
    if (held) this.#events.incoming(held.call);
  }

  #mediaOn(id: string, peer: Party): void {
    const call = this.#held.get(id)?.call;
    if (!call?.keys) return;
    call.tell('phase', 'active');
    call.tell('media', { peer, keys: call.keys });
  }

  #ended({ call: id, reason, elsewhere }: ClientEffect & { type: 'ended' }): void {
    const held = this.#held.get(id);
    if (!held) return;
    this.#held.delete(id);
    erase(held);
    held.call.tell('phase', 'ended');
    held.call.tell('ended', { reason, elsewhere });
  }
}
