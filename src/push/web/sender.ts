/** Web Push (RFC 8030), authenticated by VAPID (RFC 8292). */
import { importJWK, SignJWT } from 'jose';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { concat } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { PushTo } from '../../protocol/push.ts';
import { exchange, outcomeOf } from '../exchange.ts';
import { type EndpointRules, isEndpoint } from '../hosts.ts';
import type { Fetcher, PushMessage, PushOutcome, Sender, SubscriptionProblem } from '../port.ts';
import { encrypt, freshKeys, isPoint } from './encrypt.ts';

/** A private P-256 key (RFC 7518 §6.2). */
export interface VapidKey {
  readonly kty: 'EC';
  /** P-256. */
  readonly crv: string;
  readonly x: string;
  readonly y: string;
  readonly d: string;
}

export interface WebPushConfig extends EndpointRules {
  readonly key: VapidKey;
  /** `mailto:` or `https:`, where a push service finds the operator; null leaves it out. */
  readonly contact: string | null;
}

/** A token's life; at most 24 h (RFC 8292 §2). A new one is made when less than half is left. */
const TOKEN_S = 12 * 3_600;
/** Origins whose tokens are kept; there are a handful of push services. */
const TOKENS_KEPT = 64;

/** Uncompressed point, base64url: `applicationServerKey`, and `k` of every request. */
export function publicVapidKey({ x, y }: VapidKey): string {
  const [left, right] = [fromBase64url(x), fromBase64url(y)];
  if (left?.length !== 32 || right?.length !== 32) throw new TypeError('the VAPID key is no P-256 key');
  return base64url(concat(Uint8Array.of(4), left, right));
}

export class WebPush implements Sender<PushTo<'web'>> {
  readonly #config: WebPushConfig;
  readonly #fetcher: Fetcher;
  readonly #public: string;
  readonly #tokens = new Map<string, { text: string; until: number }>();

  constructor(config: WebPushConfig, fetcher: Fetcher) {
    this.#config = config;
    this.#fetcher = fetcher;
    this.#public = publicVapidKey(config.key);
  }

  async problemOf({ endpoint, p256dh }: PushTo<'web'>): Promise<SubscriptionProblem | null> {
    if (!isEndpoint(endpoint, this.#config)) return 'push-endpoint';
    const point = fromBase64url(p256dh);
    return point !== null && (await isPoint(point)) ? null : 'push-key';
  }

  async send(to: PushTo<'web'>, { tag, until }: PushMessage, now: number): Promise<PushOutcome> {
    // Looked at again: the list of hosts may have become shorter since the device subscribed.
    const problem = await this.problemOf(to);
    if (problem !== null) return { outcome: 'misconfigured', detail: problem };
    const receiver = { p256dh: fromBase64url(to.p256dh)!, auth: fromBase64url(to.auth)! };
    const body = await encrypt(utf8(JSON.stringify({ tag })), receiver, await freshKeys());
    const { origin } = new URL(to.endpoint);
    const headers = {
      'Content-Encoding': 'aes128gcm',
      'Content-Type': 'application/octet-stream',
      TTL: String(Math.max(0, Math.ceil((until - now) / 1_000))),
      Urgency: 'high',
      // RFC 8030 §5.4: at most 32 characters; the tag has exactly so many.
      Topic: tag,
      Authorization: `vapid t=${await this.#token(origin, now)}, k=${this.#public}`,
    };
    return outcomeOf(await exchange(this.#fetcher, to.endpoint, { headers, body }));
  }

  async #token(audience: string, now: number): Promise<string> {
    const seconds = Math.floor(now / 1_000);
    const kept = this.#tokens.get(audience);
    if (kept && kept.until - seconds > TOKEN_S / 2) return kept.text;
    const { key, contact } = this.#config;
    const until = seconds + TOKEN_S;
    const draft = new SignJWT(contact === null ? {} : { sub: contact });
    const signed = await draft
      .setProtectedHeader({ typ: 'JWT', alg: 'ES256' })
      .setAudience(audience)
      .setExpirationTime(until)
      .sign(await importJWK({ ...key }, 'ES256'));
    this.#tokens.set(audience, { text: signed, until });
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > TOKENS_KEPT && oldest !== undefined) this.#tokens.delete(oldest);
    return signed;
  }
}
