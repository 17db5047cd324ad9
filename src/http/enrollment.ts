import { enrollmentTranscript } from '../attestation/transcript.ts';
import type { Expected } from '../attestation/format.ts';
import type { Case } from '../attestation/stored/seal.ts';
import type { TrustStore } from '../attestation/trust/store.ts';
import type { ActivationState } from '../attestation/tpm/activation.ts';
import { verifyEvidence } from '../attestation/verify.ts';
import type { Verdict } from '../attestation/verdict.ts';
import { fromBase64url } from '../bytes/base64url.ts';
import { attestedFields, type EnrollmentFields } from '../bytes/transcript.ts';
import { type ProvenKey, readRequest, requestKey } from '../ca/request.ts';
import { accountBytes, accountIdOf, deviceBytes } from '../directory/account.ts';
import { parseManifest } from '../directory/manifest/parse.ts';
import { verifyAll } from '../directory/signature.ts';
import type { EnrollmentRequest } from '../protocol/api.ts';
import { type Nonce, openNonce } from './auth/nonce.ts';
import { ofAttestation, ofManifest, type Refusal } from './refusals.ts';
import { openActivation } from './activation.ts';
import { digestOf } from './digest.ts';
import type { Services } from './services.ts';
import { voucherFor } from './voucher.ts';

/** An enrollment that was judged and may be recorded: everything in it was decided by the server or verified. */
export interface Judged {
  readonly profile: 'call' | 'device';
  /** Whose it is: an account or, in profile `device`, the device itself under its own name. */
  readonly account: string;
  readonly device: string;
  readonly nonce: Nonce;
  /** Names the challenge for ever. */
  readonly challenge: string;
  readonly proven: ProvenKey;
  readonly verdict: Verdict;
  /** The evidence as received, what it was judged against, and the SHA-256 of the former, which the certificate names. */
  readonly evidence: Case & { readonly hash: Uint8Array<ArrayBuffer> };
  /** What it was judged by. */
  readonly trust: TrustStore;
}

export type Judgement =
  | { readonly ok: true; readonly judged: Judged }
  | { readonly ok: false; readonly refusal: Refusal; readonly verdict?: Verdict };

export const no = (refusal: Refusal): Judgement & { ok: false } => ({ ok: false, refusal });

/** Who the evidence is about, before it is judged: which device of which account, under which key. */
export interface Named {
  /** `call` when absent. */
  readonly profile?: Judged['profile'];
  readonly account: string;
  readonly identityKey: Uint8Array<ArrayBuffer>;
}

export type Claim = Pick<EnrollmentRequest, 'token' | 'format' | 'evidence' | 'csr'>;

/** G1 in its order; what the evidence is about is named by the manifest. Nothing is written here. */
export function judgeEnrollment(
  services: Services,
  request: EnrollmentRequest,
  now: number,
  heldAt: number | null = null,
): Promise<Judgement> {
  return judgeDevice(services, request, (nonce) => nameDevice(request, nonce), now, heldAt);
}

/**
 * Our own challenge, who it is about, the transcript over all of it, the evidence, the request of the very key. Nothing is
 * written here. One that an operator held is judged at the time it first came, `heldAt`, with the lists of now.
 */
export async function judgeDevice(
  services: Services,
  request: Claim,
  name: (nonce: Nonce) => ({ ok: true } & Named) | (Judgement & { ok: false }),
  now: number,
  heldAt: number | null = null,
): Promise<Judgement> {
  const { deployment, keys, policy } = services;
  const at = heldAt ?? now;
  // 1. The challenge is ours, unexpired, for this purpose and format; device and account are read from it alone.
  const opened = openNonce(keys.nonces, request.token, 'enrol', at);
  if (!opened.ok)
    return no({ slug: 'attestation-refused', reason: opened.reason === 'expired' ? 'challenge-expired' : 'challenge' });
  const { nonce, id } = opened;
  if (nonce.device === null || nonce.detail !== request.format)
    return no({ slug: 'attestation-refused', reason: 'challenge' });
  // 2. The account's id and the identity key. A genesis makes the account id.
  const named = name(nonce);
  if (!named.ok) return named;
  const { account, identityKey } = named;
  // 3. What the evidence must have signed.
  const fields: EnrollmentFields = {
    origin: deployment.origin,
    format: request.format,
    nonce: digestOf(request.token),
    purpose: 'enrol',
    deviceId: deviceBytes(nonce.device) ?? new Uint8Array(),
    identityKey,
    accountId: accountBytes(account) ?? new Uint8Array(),
  };
  // 4. The evidence, judged.
  const activation: ActivationState | null = openActivation(
    keys.nonces,
    request.evidence['activation'],
    digestOf(request.token),
  );
  const evidence = { ...request.evidence, format: request.format };
  const vouching = await voucherFor(services, request, nonce.account, now);
  if (!vouching.ok) return no({ slug: 'unavailable', reason: vouching.reason });
  const expected: Expected = {
    transcript: enrollmentTranscript(attestedFields(fields)),
    identityKey,
    now: at,
    ...(heldAt !== null && { listsAt: now }),
    rpId: deployment.rpId,
    origins: deployment.origins,
    ...(activation && { activation }),
    ...(vouching.voucher && { voucher: vouching.voucher }),
  };
  const trust = await services.trust.current();
  const verdict = await verifyEvidence(evidence, expected, trust, policy);
  if (verdict.decision !== 'accept')
    return { ok: false, refusal: ofAttestation(verdict.reason ?? 'malformed'), verdict };
  // 5. The request: the same key, the whole transcript, signed by the key itself.
  const whole = { key: identityKey, transcript: enrollmentTranscript(fields) };
  const plan = readRequest(fromBase64url(request.csr) ?? new Uint8Array(), whole);
  if (!plan.ok) return no({ slug: 'refused', reason: plan.reason });
  const holds = await verifyAll(crypto.subtle, plan.checks);
  const proven = plan.conclude((_, i) => holds[i] === true);
  if (!proven.ok) return no({ slug: 'refused', reason: proven.reason });
  const judged = {
    profile: named.profile ?? 'call',
    account,
    device: nonce.device,
    nonce,
    challenge: id,
    proven: proven.value,
    verdict,
    evidence: { evidence, expected, hash: digestOf(JSON.stringify(evidence)) },
    trust,
  };
  return { ok: true, judged };
}

function nameDevice(request: EnrollmentRequest, nonce: Nonce): ({ ok: true } & Named) | (Judgement & { ok: false }) {
  if (request.profile === 'device') return nameAlone(request, nonce);
  if (!request.manifest) return no({ slug: 'bad-request', reason: 'manifest-missing' });
  const parsed = parseManifest(request.manifest);
  if (!parsed.ok) return no(ofManifest(parsed.reason));
  const { manifest, hash } = parsed.parsed;
  const account = manifest.account ?? accountIdOf(fromBase64url(hash) ?? new Uint8Array());
  if (nonce.account !== null && nonce.account !== account) return no({ slug: 'refused', reason: 'account-mismatch' });
  if (nonce.account === null && manifest.account !== null) return no({ slug: 'refused', reason: 'account-mismatch' });
  const listed = manifest.devices.find((entry) => entry.id === nonce.device);
  const identityKey = listed ? fromBase64url(listed.key) : null;
  if (!identityKey) return no({ slug: 'refused', reason: 'device-not-in-manifest' });
  return { ok: true, account, identityKey };
}

/** Profile `device`: the request's own key under the challenge's name, and no account in the transcript. */
function nameAlone(
  { csr, manifest }: EnrollmentRequest,
  nonce: Nonce,
): ({ ok: true } & Named) | (Judgement & { ok: false }) {
  if (manifest || nonce.account !== null || nonce.device === null)
    return no({ slug: 'refused', reason: 'account-mismatch' });
  const identityKey = requestKey(fromBase64url(csr) ?? new Uint8Array());
  if (!identityKey) return no({ slug: 'refused', reason: 'csr-key' });
  return { ok: true, profile: 'device', account: nonce.device, identityKey };
}
