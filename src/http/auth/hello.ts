import * as v from 'valibot';
import type { AcceptedIdentity, Expectation } from '../../identity/judge.ts';
import { Hello } from '../../protocol/courier.ts';
import { TYP } from '../../protocol/identity.ts';
import { PROOF_WINDOW_S, type RequestReason } from '../../protocol/request.ts';
import { chainOf, headerOf, payloadUnder } from './chain.ts';
import { type MacKey, openNonce } from './nonce.ts';

export type HelloReason = Extract<RequestReason, `hello-${string}` | 'certificate-refused'>;

export interface HelloExpectation {
  readonly deployment: string;
  readonly nonceKeys: readonly MacKey[];
  /** With `dormant` validity an expired certificate is admitted, for renewal only. */
  readonly identity: Expectation;
}

export interface Greeted {
  readonly identity: AcceptedIdentity;
  readonly hello: Hello;
  /** To be used once by this device: its id, until `replayUntil` (milliseconds). */
  readonly nonceId: string;
  readonly replayUntil: number;
}

/**
 * The courier's hello: everything that can be verified before an object is touched. Push token and membership are the actors' to
 * check.
 */
export async function verifyHello(
  jws: string,
  { deployment, nonceKeys, identity: expected }: HelloExpectation,
): Promise<{ ok: true; greeted: Greeted } | { ok: false; reason: HelloReason; detail?: string }> {
  const header = headerOf(jws, TYP.hello, ['x5c']);
  if (!header) return { ok: false, reason: 'hello-malformed' };
  const chain = await chainOf(header, expected);
  if (!chain.ok) return { ok: false, reason: 'certificate-refused', detail: chain.reason };
  const { identity } = chain;
  const payload = await payloadUnder(jws, identity.key);
  if (payload === null) return { ok: false, reason: 'hello-signature' };
  const parsed = v.safeParse(Hello, payload);
  if (!parsed.success) return { ok: false, reason: 'hello-malformed' };
  const hello = parsed.output;
  if (hello.deployment !== deployment) return { ok: false, reason: 'hello-deployment' };
  if (hello.device !== identity.device) return { ok: false, reason: 'hello-device' };
  if (Math.abs(hello.iat - expected.now) > PROOF_WINDOW_S * 1000) return { ok: false, reason: 'hello-time' };
  const opened = openNonce(nonceKeys, hello.nonce, 'hello', expected.now);
  if (!opened.ok) return { ok: false, reason: 'hello-nonce', detail: opened.reason };
  if (opened.nonce.device !== null && opened.nonce.device !== hello.device) return { ok: false, reason: 'hello-nonce' };
  return { ok: true, greeted: { identity, hello, nonceId: opened.id, replayUntil: opened.nonce.expiresAt } };
}
