/** App Attest assertions (Apple, "Validating apps that connect to your server", Verify the assertion). */
import { sha256 } from '@noble/hashes/sha2.js';
import { cborBytes, cborMap, readCbor } from '../../bytes/cbor.ts';
import { concat } from '../../bytes/join.ts';
import { readSpki } from '../path/public-key.ts';
import { verifySignature } from '../path/signature.ts';
import { type AuthenticatorHeader, readAuthenticatorHeader } from '../webauthn/authenticator-data.ts';
import { hasExactly } from '../webauthn/fields.ts';
import { appIdOf } from './app-id.ts';

export interface AssertionQuestion {
  /** What the app had to sign, as the server computes it; step 6, the challenge inside it, is thereby done. */
  readonly clientData: Uint8Array;
  /** SubjectPublicKeyInfo (DER) of the key that was attested. */
  readonly attestedKey: Uint8Array;
  readonly applications: readonly string[];
  /** The counter of the last assertion of this key, 0 before the first. The caller stores the new one as one conditional update. */
  readonly previousCounter: number;
}

export type AssertionResult =
  | { readonly ok: true; readonly counter: number }
  | { readonly ok: false; readonly reason: 'malformed' | 'signature-invalid' | 'application' | 'counter' };

/** Apple's assertions set the flag "attested data included" and include none: the header is all there is. */
const HEADER = 37;
const MAX_ASSERTION = 1024;

export interface Assertion {
  readonly signature: Uint8Array;
  readonly data: Uint8Array;
  readonly header: AuthenticatorHeader;
}

/** CBOR of `signature` and `authenticatorData`; null is malformed. */
export function readAssertion(assertion: Uint8Array): Assertion | null {
  const map = assertion.length > MAX_ASSERTION ? null : cborMap(readCbor(assertion));
  if (map === null || !hasExactly(map, 'signature', 'authenticatorData')) return null;
  const signature = cborBytes(map.get('signature'));
  const data = cborBytes(map.get('authenticatorData'));
  const header = data?.length === HEADER ? readAuthenticatorHeader(data) : null;
  return signature === null || data === null || header === null ? null : { signature, data, header };
}

export async function verifyAssertion(assertion: Uint8Array, question: AssertionQuestion): Promise<AssertionResult> {
  const read = readAssertion(assertion);
  const key = readSpki(question.attestedKey);
  if (read === null || key === null) return refused('malformed');
  const { signature, data, header } = read;
  // Steps 1 and 2: nonce = SHA-256(authenticatorData || SHA-256(clientData)).
  const nonce = sha256(concat(data, sha256(question.clientData)));
  // Step 3: a signature over the nonce, which ECDSA hashes once more.
  const signed = await verifySignature({ kind: 'ecdsa', hash: 'SHA-256' }, key, nonce, signature);
  if (!signed.ok) return refused('signature-invalid');
  // Step 4: the RP id is the App ID.
  if (appIdOf(header.rpIdHash, question.applications) === null) return refused('application');
  // Step 5: the counter grew.
  if (header.signCount <= question.previousCounter) return refused('counter');
  return { ok: true, counter: header.signCount };
}

function refused(reason: (AssertionResult & { ok: false })['reason']): AssertionResult {
  return { ok: false, reason };
}
