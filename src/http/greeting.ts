import { base64url } from '../bytes/base64url.ts';
import type { Expectation } from '../identity/judge.ts';
import { CLOSE } from '../protocol/courier.ts';
import { accountOf, ask } from './ask.ts';
import { type Greeted, verifyHello } from './auth/hello.ts';
import { mintNonce } from './auth/nonce.ts';
import type { AppContext } from './context.ts';
import { problem } from './problem.ts';
import { ofActor } from './refusals.ts';
import type { Services } from './services.ts';

/** Of a welcome and of a wake: long enough for the next hello to need no request before it. */
export const NEXT_NONCE_MS = 24 * 3_600_000;

export function helloNonce(services: Services, device: string | null, life: number): string {
  const nonce = { purpose: 'hello', device, account: null, detail: '', expiresAt: services.now() + life } as const;
  return mintNonce(services.keys.nonces, nonce, services.random(16));
}

/** Of a standing: the device will not be let in again, whatever it does. */
const GONE: ReadonlySet<string> = new Set(['device-revoked', 'device-not-in-manifest', 'unknown-account']);

/** Who greets, as far as the device's own actor has to be told to judge the rest. */
export interface Greeting {
  readonly account: string;
  readonly device: string;
  readonly key: string;
  readonly pushTokenHash: string;
  readonly nonce: { readonly id: string; readonly until: number };
}

/** Everything of a hello that is verified before the device's object is touched: signature, certificate, nonce, standing. */
export async function greet(
  c: AppContext,
  jws: string,
  identity: Expectation,
): Promise<
  | { ok: true; greeting: Greeting; hello: Greeted['hello']; notAfter: number }
  /** `code`: what a socket is closed with where a client could not read the response. */
  | { ok: false; response: Response; code: number | null }
> {
  const { deployment, keys } = c.var.services;
  const greeted = await verifyHello(jws, {
    deployment: deployment.id,
    nonceKeys: keys.nonces,
    identity,
  });
  if (!greeted.ok) {
    const code = greeted.detail === 'dormant-too-long' ? CLOSE.expired : null;
    return { ok: false, response: problem(c, 'unauthenticated', greeted.reason), code };
  }
  const { identity: accepted, hello, nonceId, replayUntil } = greeted.greeted;
  const { account, device, certificate } = accepted;
  if (account === null) return { ok: false, response: problem(c, 'forbidden', 'no-account'), code: null };
  const key = base64url(accepted.key);
  const standing = await ask(c, accountOf(account), { do: 'authorize', device, key });
  if (!standing.ok) return { ok: false, response: standing.response, code: null };
  if (!standing.value.ok) {
    const { slug, reason } = ofActor(standing.value.reason);
    return { ok: false, response: problem(c, slug, reason), code: GONE.has(reason) ? CLOSE.revoked : null };
  }
  const nonce = { id: nonceId, until: replayUntil };
  const greeting = { account, device, key, pushTokenHash: hello.pushTokenHash, nonce };
  return { ok: true, greeting, hello, notAfter: certificate.notAfter };
}
