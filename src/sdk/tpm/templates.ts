import { attributes } from '../../attestation/tpm/attributes.ts';
import type { EccKey, PublicArea } from '../../attestation/tpm/public.ts';
import { DEFAULT_EXPONENT } from '../../attestation/tpm/public.ts';

const EMPTY = new Uint8Array(0);
const P256: EccKey = { type: 'ecc', curve: 'P-256', kdf: null, x: EMPTY, y: EMPTY };
const OWN = attributes('fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'userWithAuth', 'noDA');

/** Storage root key: wraps the others. The one that key files mean by the owner hierarchy (draft-bottomley-tpm2-keys §4), so `unique` is empty. */
export const STORAGE_ROOT: PublicArea = {
  nameAlg: 'sha256',
  attributes: OWN | attributes('restricted', 'decrypt'),
  authPolicy: EMPTY,
  symmetric: 128,
  scheme: null,
  key: P256,
};

/** Attestation key: signs only what the TPM itself states. */
export const ATTESTATION_KEY: PublicArea = {
  nameAlg: 'sha256',
  attributes: OWN | attributes('restricted', 'sign'),
  authPolicy: EMPTY,
  symmetric: null,
  scheme: { name: 'ecdsa', hash: 'sha256' },
  key: P256,
};

/** Attestation key for TPMs whose elliptic curves are slow or absent. */
export const ATTESTATION_KEY_RSA: PublicArea = {
  ...ATTESTATION_KEY,
  scheme: { name: 'rsassa', hash: 'sha256' },
  key: { type: 'rsa', bits: 2048, exponent: DEFAULT_EXPONENT, modulus: EMPTY },
};

/** Identity key: signs whatever the device says; ES256. */
export const IDENTITY_KEY: PublicArea = { ...ATTESTATION_KEY, attributes: OWN | attributes('sign') };
