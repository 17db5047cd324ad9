/** One step of a device's calls: a copy to write to, and the effects in order. */
import type { CallFrame, EndReason, Party, PlaneFrame, Verb } from '../protocol/call.ts';
import { ERASE_AFTER_MS } from '../protocol/call.ts';
import type { Client, ClientCall, ClientEffect, Phase } from './client.ts';

const TIMERS = ['alive', 'invite', 'ring', 'answer', 'connect', 'reconnect', 'merge'] as const;
export type TimerKey = (typeof TIMERS)[number];

/** How long an invitation may stay without any frame before it is sent again, and how often that happens. */
export const INVITE_WAIT_MS = 4_000;
export const INVITE_RETRIES = 3;
/** Refusals for stale devices or capabilities that one call takes before it fails. */
export const REFRESHES = 3;
/** How long the loser of a glare waits for its survivor. */
export const MERGE_WAIT_MS = 8_000;

type SimpleVerb = Verb extends infer V ? (V extends Verb ? Omit<V, 'call' | 'attempt'> : never) : never;

export class ClientDraft {
  readonly client: Client;
  readonly effects: ClientEffect[] = [];
  readonly now: number;

  constructor(client: Client, now: number) {
    this.now = now;
    const calls = Object.fromEntries(Object.entries(client.calls).map(([id, call]) => [id, { ...call }]));
    const tombstones = Object.fromEntries(Object.entries(client.tombstones).filter(([, { until }]) => until > now));
    this.client = { ...client, calls, tombstones };
  }

  find(id: string): ClientCall | null {
    return this.client.calls[id] ?? null;
  }

  live(): ClientCall[] {
    return Object.values(this.client.calls);
  }

  add(call: Pick<ClientCall, 'id' | 'role' | 'phase' | 'media' | 'peer'> & Partial<ClientCall>): ClientCall {
    const fresh: ClientCall = {
      attempt: 0,
      rev: 0,
      planeRev: 0,
      verified: false,
      consent: null,
      granted: false,
      confirmed: false,
      mediaOn: false,
      invitedAt: null,
      startedAt: null,
      ringDeadline: null,
      connectDeadline: null,
      replaces: null,
      mergedFrom: null,
      mergedMedia: null,
      into: null,
      chosen: null,
      plane: false,
      group: false,
      retries: 0,
      reason: null,
      ...call,
    };
    this.client.calls[call.id] = fresh;
    return fresh;
  }

  /** The device that this call's sealed bodies come from; null until one verified. */
  peer(call: ClientCall): Party | null {
    const { account, device } = call.peer;
    return call.verified && device !== null ? { account, device } : null;
  }

  is(call: ClientCall, ...phases: readonly Phase[]): boolean {
    return phases.includes(call.phase);
  }

  send(call: ClientCall, verb: SimpleVerb): void {
    this.effects.push({ type: 'send', verb: { ...verb, call: call.id, attempt: call.attempt } });
  }

  timer(call: ClientCall, key: TimerKey, at: number | null): void {
    this.effects.push({ type: 'timer', call: call.id, key, at });
  }

  /** Bodies of other devices than the verified peer are nobody's. */
  signal(call: ClientCall, frame: PlaneFrame & { type: 'signal' }): void {
    const peer = this.peer(call);
    if (!call.granted || peer?.device !== frame.from.device || peer.account !== frame.from.account) return;
    this.effects.push({ type: 'signal', call: call.id, frame });
  }

  /** Before the grant nothing of a group concerns this device. */
  group(call: ClientCall, frame: CallFrame): void {
    if (call.granted) this.effects.push({ type: 'group', call: call.id, frame });
  }

  /** Over, here: alerts and media stop, timers too; the id and revision stay, so that nothing late starts it again. */
  end(call: ClientCall, reason: EndReason, elsewhere: 'answered' | 'declined' | null = null): void {
    if (call.phase === 'ended') return;
    const { id, rev, phase, mediaOn } = call;
    if (phase === 'alerting' || phase === 'answering') this.effects.push({ type: 'stop-alert', call: id });
    if (mediaOn) this.effects.push({ type: 'media-off', call: id });
    for (const key of TIMERS) this.timer(call, key, null);
    Object.assign(call, { phase: 'ended', consent: null, mediaOn: false, reason });
    delete this.client.calls[id];
    this.client.tombstones[id] = { rev, until: this.now + ERASE_AFTER_MS };
    this.effects.push({ type: 'ended', call: id, reason, elsewhere });
    this.#followInto(id, reason);
  }

  /** A call that waited for this one to take it over is over as well, unless this one now is its continuation. */
  #followInto(id: string, reason: EndReason): void {
    for (const call of this.live()) if (call.into === id && call.phase === 'merging') this.end(call, reason);
  }
}
