import * as v from 'valibot';
import { base64url } from '../bytes/base64url.ts';
import { hello } from '../identity/proof.ts';
import { NonceReply } from '../protocol/api.ts';
import { CLIENT_RING_GRACE_MS } from '../protocol/call.ts';
import { WakeReply } from '../protocol/push.ts';
import { Api, type IdentifiedApi } from './api.ts';
import type { Call } from './calls/call.ts';
import { CallsignError } from './errors.ts';
import type { Ice } from './ice.ts';
import { paused } from './patience.ts';

const OPEN: ReadonlySet<string | null> = new Set(['pending', 'sent', 'delivered', 'alerting']);
/** A hello that is refused for one of these is made once more, with a fresh nonce and the server's time. */
const STALE: ReadonlySet<string> = new Set(['hello-nonce', 'hello-time', 'hello-replayed']);
/** How often the server is asked whether the call that is waited for still rings. */
const LOOK_MS = 2_000;
/** Calls whose invitation did not verify, so many are remembered. */
const REFUSED_KEPT = 64;

type Ringing = WakeReply['calls'][number];
const CallView = v.looseObject({ state: v.string(), leg: v.nullable(v.string()) });

function isRinging({ state, leg }: Pick<Ringing, 'state' | 'leg'>): boolean {
  return state === 'ringing' && OPEN.has(leg);
}

export interface WakeParts {
  readonly ice: Ice;
  /** Connects, unless this device is connected or about to be. */
  readonly online: (signal: AbortSignal | undefined) => Promise<void>;
}

/**
 * After a push: asks in one request what it was about, and when something rings, connects and lets it alert under the same rules
 * as any other call. Nothing that a push or its answer says makes a call alert.
 */
export class Wakes {
  readonly #api: IdentifiedApi;
  readonly #plain: Api;
  readonly #parts: WakeParts;
  readonly #alerting = new Map<string, Call>();
  readonly #waiting = new Map<string, PromiseWithResolvers<Call>>();
  readonly #refused = new Map<string, string>();
  #nonce: string | null = null;

  constructor(api: IdentifiedApi, parts: WakeParts) {
    this.#api = api;
    this.#plain = new Api(api.config);
    this.#parts = parts;
  }

  /** A call alerts on this device. */
  alerts(call: Call): void {
    for (const [id, { phase }] of this.#alerting) if (phase === 'ended') this.#alerting.delete(id);
    this.#alerting.set(call.id, call);
    this.#waiting.get(call.id)?.resolve(call);
  }

  /** What was said to be this call did not verify, and does not alert. */
  refused(call: string, reason: string): void {
    if (this.#refused.size >= REFUSED_KEPT) this.#refused.clear();
    if (!this.#refused.has(call)) this.#refused.set(call, reason);
    this.#waiting.get(call)?.reject(new CallsignError('verification', reason));
  }

  /** The call that this push was about, once it alerts; null when it does not ring, or no longer. Throws when it does not verify. */
  async wake(tag: string | null, signal?: AbortSignal): Promise<Call | null> {
    const { calls, ice } = await this.#ask(tag, signal);
    const ringing = calls.find(isRinging);
    if (!ringing) return null;
    if (ice) this.#parts.ice.keep(ringing.call, ice);
    return this.#alerts(ringing, signal);
  }

  async #alerts({ call, ringDeadline }: Ringing, signal: AbortSignal | undefined): Promise<Call | null> {
    const known = this.#alerting.get(call);
    if (known) return known.phase === 'ended' ? null : known;
    const deadline = (ringDeadline ?? this.#api.serverNow()) + CLIENT_RING_GRACE_MS;
    const refused = this.#refused.get(call);
    if (refused !== undefined) throw new CallsignError('verification', refused);
    const alerted = Promise.withResolvers<Call>();
    this.#waiting.set(call, alerted);
    const over = new AbortController();
    const ended = this.#parts.online(signal).then(() => this.#ended(call, deadline, over.signal, signal));
    try {
      return await Promise.race([alerted.promise, ended]);
    } finally {
      over.abort();
      this.#waiting.delete(call);
    }
  }

  /** Resolves when the call rings here no more; a server that does not answer says nothing. */
  async #ended(call: string, deadline: number, over: AbortSignal, signal: AbortSignal | undefined): Promise<null> {
    while (!over.aborted && this.#api.serverNow() < deadline) {
      await paused(this.#api.config.after, LOOK_MS, signal);
      if (!over.aborted && !(await this.#rings(call, signal))) break;
    }
    return null;
  }

  async #rings(call: string, signal: AbortSignal | undefined): Promise<boolean> {
    try {
      return isRinging(await this.#api.ask(CallView, { method: 'GET', path: `/v1/calls/${call}`, signal }));
    } catch (error) {
      if (signal?.aborted) throw error;
      return !(error instanceof CallsignError && error.status === 404);
    }
  }

  async #ask(tag: string | null, signal: AbortSignal | undefined): Promise<WakeReply> {
    for (let attempt = 0; ; attempt++) {
      const body = { hello: await this.#hello(signal), ...(tag !== null && { tag }) };
      try {
        const reply = await this.#plain.ask(WakeReply, { method: 'POST', path: '/v1/wake', body, signal });
        this.#nonce = reply.nextNonce;
        return reply;
      } catch (error) {
        if (!(error instanceof CallsignError) || !STALE.has(error.reason) || attempt > 0) throw error;
      }
    }
  }

  /** As for the courier: by the identity key, over a nonce that counts once. */
  async #hello(signal: AbortSignal | undefined): Promise<string> {
    const { identity, config } = this.#api;
    const nonce =
      this.#nonce ?? (await this.#plain.ask(NonceReply, { method: 'GET', path: '/v1/courier/nonce', signal })).nonce;
    this.#nonce = null;
    const draft = hello(identity.chain, {
      nonce,
      deployment: config.deployment,
      device: identity.device,
      pushTokenHash: base64url(await config.crypto.sha256(identity.pushToken)),
      box: null,
      lastSeq: 0,
      iat: Math.floor(this.#plain.serverNow()),
    });
    return draft.seal(await identity.key.sign(draft.input));
  }
}
