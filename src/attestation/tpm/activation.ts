/**
 * Credential activation as two pure steps: the server seals a secret to (endorsement key, attestation key's Name), and
 * only a TPM that holds both can give it back. Between the steps the server keeps the state, in a row or inside a token
 * that it authenticates; the state holds nothing secret. One state is good for one try: whoever stores it removes it
 * as the check.
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { concat, equal, lp } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { Reason } from '../verdict.ts';
import { makeCredential } from './credential.ts';
import type { Credential } from './credential.ts';
import { encapsulationRandomness } from './encapsulation.ts';
import { attestationKeyProblem } from './keys.ts';
import { nameOf } from './name.ts';
import { readPublic } from './public.ts';
import type { ReadPublic } from './public.ts';
import { spkiOf } from './spki.ts';
import { ekTemplateOf } from './templates.ts';

const SECRET = 32;

/** Random bytes that `challengeActivation` takes: the secret, and enough for any endorsement key. */
export const ACTIVATION_RANDOMNESS = SECRET + 128;

/** What the server keeps between the steps; base64url. */
export interface ActivationState {
  /** The enrollment nonce that the activation belongs to. */
  readonly nonce: string;
  /** SHA-256 of the endorsement key's SubjectPublicKeyInfo. */
  readonly endorsementKey: string;
  /** Name of the attestation key. */
  readonly attestationKey: string;
  /** HMAC-SHA256, keyed with the secret, over the three fields above. */
  readonly proof: string;
}

export type ActivationAnswer =
  | { readonly ok: true; readonly credential: Credential; readonly state: ActivationState }
  | { readonly ok: false; readonly reason: Reason };

/**
 * Step one. `endorsementKey` and `attestationKey` are TPMT_PUBLIC as the client sent them; certificates are judged with
 * the evidence, in step two. `random` has ACTIVATION_RANDOMNESS fresh bytes.
 */
export async function challengeActivation(
  endorsementKey: Uint8Array,
  attestationKey: Uint8Array,
  nonce: Uint8Array,
  random: Uint8Array,
): Promise<ActivationAnswer> {
  if (random.length < ACTIVATION_RANDOMNESS) throw new RangeError(`random: ${ACTIVATION_RANDOMNESS} bytes`);
  const endorsement = readPublic(endorsementKey);
  const attestation = readPublic(attestationKey);
  if (!endorsement || !attestation) return { ok: false, reason: 'malformed' };
  if (!ekTemplateOf(endorsement)) return { ok: false, reason: 'attributes' };
  const problem = attestationKeyProblem(attestation);
  if (problem) return { ok: false, reason: problem.reason };
  const secret = random.slice(0, SECRET);
  const seed = random.slice(SECRET, SECRET + encapsulationRandomness(endorsement));
  const credential = await makeCredential(endorsement, nameOf(attestation), secret, seed);
  if (credential === null) return { ok: false, reason: 'malformed' };
  return { ok: true, credential, state: stateFor(nonce, endorsement, attestation, secret) };
}

/** What the state for these keys and this secret is: the same function makes it in step one and checks it in step two. */
export function stateFor(
  nonce: Uint8Array,
  endorsement: ReadPublic,
  attestation: ReadPublic,
  secret: Uint8Array,
): ActivationState {
  const endorsementKey = endorsementKeyHash(endorsement);
  const name = nameOf(attestation);
  const proof = hmac(sha256, secret, concat(LABEL, lp(nonce), lp(endorsementKey), lp(name)));
  return {
    nonce: base64url(nonce),
    endorsementKey: base64url(endorsementKey),
    attestationKey: base64url(name),
    proof: base64url(proof),
  };
}

const LABEL = utf8('callsign/tpm-activation/1\0');

/** What a TPM is counted by: SHA-256 of its endorsement key's SubjectPublicKeyInfo. */
export function endorsementKeyHash(endorsement: ReadPublic): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(sha256(spkiOf(endorsement.key)));
}

/** Step two: which part of the state does not fit the keys in the evidence and the released secret, or null. The proof is compared in constant time. */
export function checkActivation(
  state: ActivationState,
  endorsement: ReadPublic,
  attestation: ReadPublic,
  secret: Uint8Array,
): 'endorsementKey' | 'attestationKey' | 'proof' | null {
  const nonce = fromBase64url(state.nonce) ?? new Uint8Array(0);
  const expected = stateFor(nonce, endorsement, attestation, secret);
  if (state.endorsementKey !== expected.endorsementKey) return 'endorsementKey';
  if (state.attestationKey !== expected.attestationKey) return 'attestationKey';
  return equal(utf8(state.proof), utf8(expected.proof)) ? null : 'proof';
}
