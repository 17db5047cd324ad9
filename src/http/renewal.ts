import type { Verdict } from '../attestation/verdict.ts';
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { fromHex } from '../bytes/hex.ts';
import { renewalInput } from '../bytes/transcript.ts';
import { readRequest } from '../ca/request.ts';
import type { EvidenceRow } from '../db/repositories.ts';
import { accountBytes, deviceBytes } from '../directory/account.ts';
import { type Plan, verifyAll } from '../directory/signature.ts';
import { judgeIdentity } from '../identity/judge.ts';
import type { RenewalRequest } from '../protocol/api.ts';
import type { RENEWAL_REASONS } from '../protocol/problem.ts';
import { openNonce } from './auth/nonce.ts';
import type { Certifiable } from './certify.ts';
import { digest, digestOf } from './digest.ts';
import { dormantExpectation } from './identity.ts';
import type { Services } from './services.ts';

/** A key that is only vouched for renews by itself this long after its evidence, ms; then its credential must be asserted again. */
export const ASSERT_AFTER_MS = 30 * 86_400_000;

export type RenewalReason = Exclude<(typeof RENEWAL_REASONS)[number], 'challenge-used'>;

export type RenewalJudgement =
  | { readonly ok: true; readonly renewal: Certifiable; readonly expiresAt: number }
  /** `detail` is the operator's: which check of that step. */
  | { readonly ok: false; readonly reason: RenewalReason; readonly detail?: string };

const no = (reason: RenewalReason, detail?: string): RenewalJudgement => {
  return detail === undefined ? { ok: false, reason } : { ok: false, reason, detail };
};

/**
 * The same key under a new certificate. Whether the device is in its account's manifest and in force is the account's to say,
 * when the intent is written. Nothing is copied from the old certificate but what its signature vouches for: whose it is,
 * and the hash of the evidence. Nothing is written here.
 */
export async function judgeRenewal(
  services: Services,
  request: RenewalRequest,
  now: number,
): Promise<RenewalJudgement> {
  const { deployment, keys, db } = services;
  // 1. The challenge is ours, unexpired, for a renewal.
  const opened = openNonce(keys.nonces, request.token, 'renew', now);
  if (!opened.ok) return no(opened.reason === 'expired' ? 'challenge-expired' : 'challenge', opened.reason);
  // 2. The certificate is ours, in force or dormant.
  const chain = request.certificate.map((text) => fromBase64url(text) ?? new Uint8Array());
  const accepted = await concluded(judgeIdentity(chain, dormantExpectation(services, now)));
  if (!accepted.ok) return no('certificate-refused', accepted.reason);
  const { account, device, key, certificate, assurance } = accepted.value;
  // 3. The challenge was made for this device of this account.
  if (account === null || opened.nonce.account !== account || opened.nonce.device !== device)
    return no('challenge-of-another');
  // 4. The key itself asks, over all of it.
  const transcript = digest(
    renewalInput({
      origin: deployment.origin,
      nonce: digestOf(request.token),
      deviceId: deviceBytes(device) ?? new Uint8Array(),
      identityKey: key,
      accountId: accountBytes(account) ?? new Uint8Array(),
      serial: serialBytes(certificate.serial),
    }),
  );
  const proven = await concluded(readRequest(fromBase64url(request.csr) ?? new Uint8Array(), { key, transcript }));
  if (!proven.ok) return no('request-refused', proven.reason);
  // 5. The evidence that the certificate stands on is kept, accepted, and fresh enough for its kind.
  const kept = await db.evidence.get(base64url(assurance.evidence));
  if (!kept || kept.device !== device || kept.account !== account) return no('evidence-unknown');
  const verdict = JSON.parse(kept.verdict) as Verdict;
  if (verdict.decision !== 'accept') return no('evidence-condemned');
  if (assertionDue(verdict, kept, now)) return no('assertion-due');
  const evidence = { hash: assurance.evidence.slice() };
  const renewal = { account, device, challenge: opened.id, proven: proven.value, verdict, evidence };
  return { ok: true, renewal, expiresAt: opened.nonce.expiresAt };
}

function assertionDue({ identityBinding }: Verdict, { at }: EvidenceRow, now: number): boolean {
  return identityBinding === 'vouched' && now - at >= ASSERT_AFTER_MS;
}

async function concluded<T, R extends string, S extends string>(
  plan: Plan<T, R> | { readonly ok: false; readonly reason: S },
): Promise<{ ok: true; value: T } | { ok: false; reason: R | S }> {
  if (!plan.ok) return plan;
  const holds = await verifyAll(crypto.subtle, plan.checks);
  return plan.conclude((_, i) => holds[i] === true);
}

/** As clients compute it from the certificate's hexadecimal serial. */
function serialBytes(serial: string): Uint8Array<ArrayBuffer> {
  return fromHex(serial.length % 2 === 0 ? serial : `0${serial}`) ?? new Uint8Array();
}
