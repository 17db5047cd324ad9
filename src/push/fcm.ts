/** Firebase Cloud Messaging, HTTP v1: data messages of high priority, under a service account (RFC 7523). */
import { importPKCS8, SignJWT } from 'jose';
import type { PushTo } from '../protocol/push.ts';
import { type Answered, exchange, memberOf, outcomeOf } from './exchange.ts';
import type { Fetcher, PushMessage, PushOutcome, Sender, SubscriptionProblem } from './port.ts';

export const FCM_ORIGIN = 'https://fcm.googleapis.com';
export const GOOGLE_TOKENS = 'https://oauth2.googleapis.com/token';
const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging';
const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const ASSERTION_S = 3_600;
/** An access token is renewed when it has less than this left. */
const MARGIN_MS = 60_000;

export interface FcmConfig {
  readonly project: string;
  /** `client_email` of the service account. */
  readonly account: string;
  /** `private_key` of it: RSA, PKCS#8 in PEM. */
  readonly key: string;
  readonly kid: string | null;
  readonly origin: string;
  readonly tokens: string;
}

type Granted = { readonly ok: true; readonly token: string } | { readonly ok: false; readonly outcome: PushOutcome };

export class Fcm implements Sender<PushTo<'fcm'>> {
  readonly #config: FcmConfig;
  readonly #fetcher: Fetcher;
  #token: { text: string; until: number } | null = null;

  constructor(config: FcmConfig, fetcher: Fetcher) {
    this.#config = config;
    this.#fetcher = fetcher;
  }

  async problemOf(): Promise<SubscriptionProblem | null> {
    return null;
  }

  async send({ token }: PushTo<'fcm'>, { tag, until }: PushMessage, now: number): Promise<PushOutcome> {
    const granted = await this.#grant(now);
    if (!granted.ok) return granted.outcome;
    const { project, origin } = this.#config;
    const ttl = `${Math.max(0, Math.ceil((until - now) / 1_000))}s`;
    const message = { token, data: { tag }, android: { priority: 'HIGH', ttl, collapse_key: tag } };
    const answer = await exchange(this.#fetcher, `${origin}/v1/projects/${project}/messages:send`, {
      headers: { Authorization: `Bearer ${granted.token}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ message }),
    });
    if (answer?.status === 401) this.#token = null;
    return judge(answer);
  }

  /** An access token for a signed assertion; kept for its life. */
  async #grant(now: number): Promise<Granted> {
    if (this.#token && this.#token.until - MARGIN_MS > now) return { ok: true, token: this.#token.text };
    const answer = await exchange(this.#fetcher, this.#config.tokens, {
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ grant_type: GRANT, assertion: await this.#assertion(now) }).toString(),
    });
    const text = answer?.status === 200 ? memberOf(answer.text, 'access_token') : undefined;
    const life = answer === null ? undefined : memberOf(answer.text, 'expires_in');
    if (typeof text === 'string' && typeof life === 'number') {
      this.#token = { text, until: now + life * 1_000 };
      return { ok: true, token: text };
    }
    const outcome = outcomeOf(answer);
    const passing = outcome.outcome === 'retry';
    return { ok: false, outcome: passing ? outcome : { outcome: 'misconfigured', detail: 'service-account' } };
  }

  async #assertion(now: number): Promise<string> {
    const { account, key, kid, tokens } = this.#config;
    const at = Math.floor(now / 1_000);
    return new SignJWT({ scope: SCOPE })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...(kid !== null && { kid }) })
      .setIssuer(account)
      .setAudience(tokens)
      .setIssuedAt(at)
      .setExpirationTime(at + ASSERTION_S)
      .sign(await importPKCS8(key, 'RS256'));
  }
}

/** FCM says in `details` what it means; UNREGISTERED, and an argument that is the token itself, end a subscription. */
function judge(answer: Answered | null): PushOutcome {
  const outcome = outcomeOf(answer);
  if (answer === null || outcome.outcome === 'accepted' || outcome.outcome === 'retry') return outcome;
  if (answer.status === 401) return { outcome: 'retry', retryAfterMs: 0, detail: 'access-token' };
  const details = memberOf(answer.text, 'error', 'details');
  const all = Array.isArray(details) ? (details as Readonly<Record<string, unknown>>[]) : [];
  const code = all.map((one) => one?.['errorCode']).find((one) => typeof one === 'string');
  if (code === 'UNREGISTERED' || (answer.status === 400 && all.some(isAboutToken))) return { outcome: 'gone' };
  const known = typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code) ? code : `status-${answer.status}`;
  return { outcome: 'misconfigured', detail: known };
}

function isAboutToken(detail: Readonly<Record<string, unknown>>): boolean {
  const violations = detail?.['fieldViolations'];
  return Array.isArray(violations) && violations.some((one) => (one as { field?: unknown })?.field === 'message.token');
}
