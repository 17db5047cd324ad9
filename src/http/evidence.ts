import { keptOf } from '../attestation/stored/record.ts';
import { type Case, sealCase } from '../attestation/stored/seal.ts';
import type { TrustStore } from '../attestation/trust/store.ts';
import type { Verdict } from '../attestation/verdict.ts';
import { base64url } from '../bytes/base64url.ts';
import { PROFILES } from '../ca/profile.ts';
import type { Kept } from '../db/repositories.ts';
import type { Services } from './services.ts';

/** The certificate's life and 30 days; renewals keep it longer. */
const EVIDENCE_KEEP_MS = 37 * 86_400_000;

/** Accepted evidence, and whose it is. */
export interface Accepted {
  readonly account: string;
  readonly device: string;
  readonly verdict: Verdict;
  readonly evidence: Case & { readonly hash: Uint8Array };
  /** SubjectPublicKeyInfo (DER) of the key that belongs to the account with it. */
  readonly key: Uint8Array;
  readonly trust: TrustStore;
  /** Of a phone's state, beside the evidence of its key. */
  readonly posture: boolean;
}

/** The evidence becomes durable with all it stands on and takes for itself, or nothing does. */
export async function keepEvidence(services: Services, accepted: Accepted, now: number): Promise<Kept> {
  const { account, device, verdict, evidence, key, trust, posture } = accepted;
  const { keys, policy } = services;
  const hash = base64url(evidence.hash);
  const { verdict: stored, index, keys: owned, endorsement } = keptOf(verdict, key, trust, keys.hardware.secret);
  const row = {
    hash,
    account,
    device,
    format: verdict.format,
    policy: verdict.policy,
    verdict: JSON.stringify(stored),
    sealed: await sealCase(keys.evidence.secret, hash, evidence, services.random(12)),
    at: now,
    keepUntil: now + EVIDENCE_KEEP_MS,
    posture,
  };
  const until = now + PROFILES.call.validity.usual;
  return services.db.evidence.put(row, {
    index,
    keys: owned,
    endorsement: endorsement === null ? null : { key: endorsement, most: policy.capPerEndorsementKey, until },
  });
}
