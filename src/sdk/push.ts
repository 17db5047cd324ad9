import { fromBase64url, base64url } from '../bytes/base64url.ts';
import { callerOfTag } from '../courier/push-tag.ts';
import { PushToken } from '../protocol/courier.ts';
import {
  PUSH_SECRET_BYTES,
  type PushSubscription,
  PushTestReply,
  SubscriptionReply,
  type SubscriptionRequest,
} from '../protocol/push.ts';
import type { IdentifiedApi } from './api.ts';
import { CallsignError } from './errors.ts';

const SECRET = { collection: 'identity', id: 'push-secret' } as const;
const PATH = '/v1/push/subscription';

/** How this device is woken while it has no connection. */
export class Push {
  readonly #api: IdentifiedApi;

  constructor(api: IdentifiedApi) {
    this.#api = api;
  }

  /** What the deployment can send, the `applicationServerKey` of browsers, and what is set. */
  settings(signal?: AbortSignal): Promise<SubscriptionReply> {
    return this.#api.ask(SubscriptionReply, { method: 'GET', path: PATH, signal });
  }

  /** At each start of the application, and whenever the system gives a new token: the same again changes nothing. */
  async subscribe(subscription: PushSubscription, signal?: AbortSignal): Promise<SubscriptionReply> {
    const body: SubscriptionRequest = { subscription, secret: base64url(await this.#secret()) };
    return this.#api.ask(SubscriptionReply, { method: 'PUT', path: PATH, body, repeatable: true, signal });
  }

  async unsubscribe(signal?: AbortSignal): Promise<void> {
    await this.#api.ask(SubscriptionReply, { method: 'DELETE', path: PATH, repeatable: true, signal });
  }

  /** A push to this device at once, and what the push service said. */
  test(signal?: AbortSignal): Promise<PushTestReply> {
    return this.#api.ask(PushTestReply, { method: 'POST', path: '/v1/push/test', signal });
  }

  /**
   * A new token for the courier's hellos, in place of the one of the enrollment; also when it stays away after 4403: whoever ended before the
   * server's new token was kept has a token that is refused, and is back with the next one.
   */
  async rotateToken(signal?: AbortSignal): Promise<void> {
    const { crypto, store } = this.#api.config;
    const pushToken = crypto.random(32);
    const body = { pushTokenHash: base64url(await crypto.sha256(pushToken)) };
    await this.#api.ask(PushToken, { method: 'PUT', path: '/v1/courier/token', body, signal });
    this.#api.identity = { ...this.#api.identity, pushToken };
    const kept = (await store.get('identity', 'self')) as object;
    await store.write([{ collection: 'identity', id: 'self', value: { ...kept, pushToken: base64url(pushToken) } }]);
  }

  /**
   * Who of the accounts that this device verified before calls, without asking anybody; null for a stranger. Enough to show a name at
   * once, never to ring: that the call is real only the invitation proves.
   */
  async callerOf(tag: string): Promise<string | null> {
    const bytes = fromBase64url(tag);
    if (bytes === null) return null;
    return callerOfTag(await this.#secret(), bytes, await this.#api.config.store.ids('head'));
  }

  /** Whether this push says that this account calls. */
  async isFrom(tag: string, account: string): Promise<boolean> {
    const bytes = fromBase64url(tag);
    return bytes !== null && callerOfTag(await this.#secret(), bytes, [account]) !== null;
  }

  /** Made once; of two that make it at a time the first stays. */
  async #secret(): Promise<Uint8Array> {
    const { store, crypto } = this.#api.config;
    const kept = await store.get(SECRET.collection, SECRET.id);
    if (kept instanceof Uint8Array && kept.length === PUSH_SECRET_BYTES) return kept;
    if (kept !== undefined) throw new CallsignError('local', 'push-secret');
    await store.write([{ ...SECRET, value: crypto.random(PUSH_SECRET_BYTES) }], [SECRET]);
    return this.#secret();
  }
}
