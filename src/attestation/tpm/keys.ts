/** What each key of an enrollment must be, as one list of rules per role. The first rule that does not hold is the answer. */
import { weakness } from '../path/weak-key.ts';
import type { Reason } from '../verdict.ts';
import { BOUND_TO_TPM, attributeNames, has, hasNone } from './attributes.ts';
import type { PublicArea } from './public.ts';
import { publicKeyOf } from './spki.ts';

export interface KeyProblem {
  /** Stable, e.g. `bound`. */
  readonly rule: string;
  readonly reason: Reason;
  readonly detail: string;
}

/** Attestation key: signs only what the TPM itself made (Part 1 §27.4 restricted signing). */
export function attestationKeyProblem(area: PublicArea): KeyProblem | null {
  const { attributes, scheme, nameAlg, symmetric } = area;
  return (
    commonProblem(area) ??
    unless(has(attributes, 'restricted', 'sign'), 'restricted', 'attributes', 'is restricted to signing') ??
    unless(hasNone(attributes, 'decrypt'), 'decrypt', 'attributes', 'does not decrypt') ??
    unless(symmetric === null, 'symmetric', 'attributes', 'has no symmetric algorithm') ??
    unless(scheme?.hash !== 'sha1' && nameAlg !== 'sha1', 'hash', 'signature-algorithm', 'uses no SHA-1') ??
    unless(isSigning(scheme?.name), 'scheme', 'signature-algorithm', 'has the scheme RSASSA, RSAPSS or ECDSA')
  );
}

/** Identity key: ES256, and free to sign what the device says; a restricted one could only repeat what the TPM states. */
export function identityKeyProblem(area: PublicArea): KeyProblem | null {
  const { attributes, scheme, nameAlg, key } = area;
  const es256 = scheme === null || (scheme.name === 'ecdsa' && scheme.hash === 'sha256');
  return (
    commonProblem(area) ??
    unless(has(attributes, 'sign'), 'sign', 'attributes', 'signs') ??
    unless(hasNone(attributes, 'restricted'), 'restricted', 'attributes', 'is not restricted') ??
    unless(hasNone(attributes, 'decrypt'), 'decrypt', 'attributes', 'does not decrypt') ??
    unless(key.type === 'ecc' && key.curve === 'P-256', 'curve', 'signature-algorithm', 'is on P-256') ??
    unless(es256, 'scheme', 'signature-algorithm', 'has the scheme NULL or ECDSA with SHA-256') ??
    unless(nameAlg !== 'sha1', 'hash', 'signature-algorithm', 'uses no SHA-1')
  );
}

/** Key behind a WebAuthn credential. Windows Hello makes its RSA keys able to decrypt; that hurts nobody. */
export function credentialKeyProblem(area: PublicArea): KeyProblem | null {
  const { attributes, scheme, symmetric } = area;
  return (
    commonProblem(area) ??
    unless(has(attributes, 'sign'), 'sign', 'attributes', 'signs') ??
    unless(hasNone(attributes, 'restricted'), 'restricted', 'attributes', 'is not restricted') ??
    unless(symmetric === null, 'symmetric', 'attributes', 'has no symmetric algorithm') ??
    unless(scheme === null || isSigning(scheme.name), 'scheme', 'signature-algorithm', 'has a signing scheme or NULL')
  );
}

/** Made in the TPM, unable to leave it (Part 2 §8.3.3), and of an allowed kind and size. */
function commonProblem(area: PublicArea): KeyProblem | null {
  const missing = BOUND_TO_TPM.filter((name) => hasNone(area.attributes, name));
  const weak = weakness(publicKeyOf(area.key));
  const held = attributeNames(area.attributes).join(', ');
  return (
    unless(missing.length === 0, 'bound', 'key-exportable', `lacks ${missing.join(', ')}; it has ${held}`) ??
    unless(weak === null, 'weak', 'weak-key', weak ?? '')
  );
}

function unless(holds: boolean, rule: string, reason: Reason, detail: string): KeyProblem | null {
  return holds ? null : { rule, reason, detail };
}

function isSigning(scheme: string | undefined): boolean {
  return scheme === 'rsassa' || scheme === 'rsapss' || scheme === 'ecdsa';
}
