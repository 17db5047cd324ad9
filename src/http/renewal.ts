import type { Freshness } from '../actors/account/command.ts';
import { type FreshProof, type FreshReason, judgeFresh } from '../attestation/stored/fresh.ts';
import { openCase } from '../attestation/stored/seal.ts';
import type { Verdict } from '../attestation/verdict.ts';
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { fromHex } from '../bytes/hex.ts';
import { renewalInput } from '../bytes/transcript.ts';
import { readRequest } from '../ca/request.ts';
import type { EvidenceRow } from '../db/repositories.ts';
import { accountBytes, deviceBytes } from '../directory/account.ts';
import { type Plan, verifyAll } from '../directory/signature.ts';
import { readIdentity } from '../identity/certificate.ts';
import { judgeIdentity } from '../identity/judge.ts';
import type { RenewalRequest } from '../protocol/api.ts';
import type { RENEWAL_REASONS } from '../protocol/problem.ts';
import { openNonce } from './auth/nonce.ts';
import type { Certifiable } from './certify.ts';
import { digest, digestOf } from './digest.ts';
import type { Accepted } from './evidence.ts';
import { dormantExpectation } from './identity.ts';
import type { Services } from './services.ts';
import { listsAreStale } from './staleness.ts';

export type RenewalReason = Exclude<(typeof RENEWAL_REASONS)[number], 'challenge-used'>;

export type RenewalJudgement =
  | {
      readonly ok: true;
      readonly renewal: Certifiable & { readonly fresh: Freshness };
      readonly expiresAt: number;
      /** New evidence, to be kept before anything stands on it. */
      readonly accepted: Accepted | null;
      /** Evidence that the new certificate stands on beside `accepted`: kept for as long as it can be renewed. */
      readonly stands: string;
    }
  /** `detail` is the operator's: which check of that step. */
  | { readonly ok: false; readonly reason: RenewalReason; readonly detail?: string };

const no = (reason: RenewalReason, detail?: string): RenewalJudgement => {
  return detail === undefined ? { ok: false, reason } : { ok: false, reason, detail };
};

/**
 * The same key under a new certificate. Whether the device is in its account's manifest and in force, and whether its
 * hardware must be shown again, is the account's to say, when the intent is written. Nothing is copied from the old
 * certificate but what its signature vouches for: whose it is, and the hash of the evidence. Nothing is written here.
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
  const profile = (chain[0] && readIdentity(chain[0]))?.profile ?? 'call';
  const accepted = await concluded(judgeIdentity(chain, { ...dormantExpectation(services, now), profile }));
  if (!accepted.ok) return no('certificate-refused', accepted.reason);
  const { device, key, certificate, assurance } = accepted.value;
  // 3. The challenge was made for this device of this account.
  if (opened.nonce.account !== accepted.value.account || opened.nonce.device !== device)
    return no('challenge-of-another');
  const account = accepted.value.account ?? device;
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
  // 5. The evidence that the certificate stands on is kept and accepted.
  const hash = base64url(assurance.evidence);
  const kept = await db.evidence.get(hash);
  if (!kept || kept.device !== device || kept.account !== account) return no('evidence-unknown');
  const verdict = JSON.parse(kept.verdict) as Verdict;
  if (verdict.decision !== 'accept') return no('evidence-condemned');
  const lists = await services.trust.current();
  if (listsAreStale(lists, services.policy, verdict.format, now)) return no('list-stale');
  // 6. What the hardware shows again, if anything.
  const shown = await freshOf(services, request, kept, { transcript, identityKey: key, now });
  if (!shown.ok) return no(shown.reason, shown.detail);
  const { proof } = shown;
  const replaced = proof?.by === 'evidence' ? proof : null;
  const own = { profile, account, device, challenge: opened.id, proven: proven.value };
  const evidence = { hash: replaced ? hashOf(replaced) : assurance.evidence.slice() };
  const fresh = { since: kept.at, ...freshness(request, proof) };
  const renewal = { ...own, verdict: replaced?.verdict ?? verdict, evidence, fresh };
  return {
    ok: true,
    renewal,
    expiresAt: opened.nonce.expiresAt,
    accepted: proof && proof.by !== 'assertion' ? await toKeep(services, own, proof) : null,
    stands: base64url(evidence.hash),
  };
}

type Shown =
  | { readonly ok: true; readonly proof: FreshProof | null }
  | { readonly ok: false; readonly reason: FreshReason | 'evidence-unknown'; readonly detail: string };

async function freshOf(
  services: Services,
  { fresh }: RenewalRequest,
  kept: EvidenceRow,
  asked: { readonly transcript: Uint8Array; readonly identityKey: Uint8Array; readonly now: number },
): Promise<Shown> {
  if (fresh === undefined) return { ok: true, proof: null };
  const { deployment, keys, policy } = services;
  const stored = await openCase(keys.evidence.secret, kept.hash, kept.sealed);
  if (!stored) return { ok: false, reason: 'evidence-unknown', detail: 'sealed' };
  const verdict = JSON.parse(kept.verdict) as Verdict;
  const expected = { ...asked, rpId: deployment.rpId, origins: deployment.origins };
  return judgeFresh(fresh, { stored, verdict, expected, trust: await services.trust.current(), policy });
}

function freshness({ overdue }: RenewalRequest, proof: FreshProof | null): Omit<Freshness, 'since'> {
  if (proof === null) return { shown: overdue === true ? 'overdue' : 'none', counter: 0 };
  if (proof.by === 'posture') return { shown: 'evidence', counter: 0 };
  return { shown: proof.by, counter: proof.counter };
}

async function toKeep(
  services: Services,
  { account, device, proven }: Pick<Certifiable, 'account' | 'device' | 'proven'>,
  proof: Exclude<FreshProof, { by: 'assertion' }>,
): Promise<Accepted> {
  const posture = proof.by === 'posture';
  return {
    account,
    device,
    verdict: proof.verdict,
    evidence: { ...proof.kept, hash: hashOf(proof) },
    key: posture ? proof.kept.expected.identityKey : proven.key,
    trust: await services.trust.current(),
    posture,
  };
}

function hashOf({ kept }: Exclude<FreshProof, { by: 'assertion' }>): Uint8Array<ArrayBuffer> {
  return digestOf(JSON.stringify(kept.evidence));
}

/** Which of the two a device is told when its account says that proof is due: a gesture asserts, hardware attests by itself. */
export function dueReason({ format }: Verdict): 'assertion-due' | 'reattestation-due' {
  return format === 'tpm2' || format === 'android-keystore' ? 'reattestation-due' : 'assertion-due';
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
