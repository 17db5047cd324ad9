/** Apple Push Notification service: provider API over HTTP/2, token-based. The protocol version is fetch's matter. */
import { type CryptoKey, importPKCS8, SignJWT } from 'jose';
import type { PushTo } from '../protocol/push.ts';
import { type Answered, exchange, memberOf, outcomeOf } from './exchange.ts';
import type { Fetcher, PushMessage, PushOutcome, Sender, SubscriptionProblem } from './port.ts';

export const APNS_ORIGINS = {
  production: 'https://api.push.apple.com',
  sandbox: 'https://api.sandbox.push.apple.com',
} as const;

export interface ApnsConfig {
  /** Ten characters. */
  readonly team: string;
  /** Key id, ten characters. */
  readonly kid: string;
  /** The key of the `.p8` file: PKCS#8 in PEM. */
  readonly key: string;
  /** Bundle ids that may be pushed to. */
  readonly topics: readonly string[];
  readonly origins: { readonly production: string; readonly sandbox: string };
}

/** A provider token is good for an hour and may be made anew every 20 minutes at most. */
const TOKEN_S = 40 * 60;
/** Apple names the end of a token by these; every other 400 says something about this server. */
const GONE = new Set(['BadDeviceToken', 'Unregistered', 'ExpiredToken']);

export class Apns implements Sender<PushTo<'apns'>> {
  readonly #config: ApnsConfig;
  readonly #fetcher: Fetcher;
  #key: Promise<CryptoKey> | null = null;
  #token: { text: string; at: number } | null = null;

  constructor(config: ApnsConfig, fetcher: Fetcher) {
    this.#config = config;
    this.#fetcher = fetcher;
  }

  async problemOf({ topic }: PushTo<'apns'>): Promise<SubscriptionProblem | null> {
    return this.#config.topics.includes(topic) ? null : 'push-topic';
  }

  async send(to: PushTo<'apns'>, message: PushMessage, now: number): Promise<PushOutcome> {
    const answer = await this.#ask(to, message, now);
    const outcome = outcomeOf(answer);
    if (answer === null || outcome.outcome === 'accepted') return outcome;
    const reason = wordOf(memberOf(answer.text, 'reason'));
    if (reason !== null && GONE.has(reason)) return { outcome: 'gone' };
    if (reason === 'ExpiredProviderToken') {
      this.#token = null;
      return { outcome: 'retry', retryAfterMs: 0, detail: reason };
    }
    // BadPath: of this server, never of a device.
    if (answer.status === 404) return { outcome: 'misconfigured', detail: reason ?? 'status-404' };
    return 'detail' in outcome && reason !== null ? { ...outcome, detail: reason } : outcome;
  }

  async #ask(to: PushTo<'apns'>, { tag, until }: PushMessage, now: number): Promise<Answered | null> {
    const voip = to.push === 'voip';
    const headers = {
      authorization: `bearer ${await this.#providerToken(now)}`,
      'apns-push-type': to.push,
      'apns-topic': voip ? `${to.topic}.voip` : to.topic,
      // A background push must have 5.
      'apns-priority': voip ? '10' : '5',
      'apns-expiration': String(Math.ceil(until / 1_000)),
      'apns-collapse-id': tag,
      'content-type': 'application/json',
    };
    const aps = voip ? {} : { 'content-available': 1 };
    const body = JSON.stringify({ aps, tag });
    return exchange(this.#fetcher, `${this.#config.origins[to.environment]}/3/device/${to.token}`, { headers, body });
  }

  async #providerToken(now: number): Promise<string> {
    const at = Math.floor(now / 1_000);
    if (this.#token && at - this.#token.at < TOKEN_S) return this.#token.text;
    const { team, kid, key } = this.#config;
    this.#key ??= importPKCS8(key, 'ES256');
    const draft = new SignJWT({}).setProtectedHeader({ alg: 'ES256', kid }).setIssuer(team).setIssuedAt(at);
    const text = await draft.sign(await this.#key);
    this.#token = { text, at };
    return text;
  }
}

/** A word of Apple's for the operator's feed, and nothing else that might stand there. */
function wordOf(reason: unknown): string | null {
  return typeof reason === 'string' && /^[A-Za-z]{1,40}$/.test(reason) ? reason : null;
}
