import { hmac } from '@noble/hashes/hmac.js';
import { concat } from '../../bytes/join.ts';
import { hashByName } from './algorithms.ts';
import { encryptCfb } from './cfb.ts';
import type { Encapsulation } from './encapsulation.ts';
import { encapsulate } from './encapsulation.ts';
import { kdfa } from './kdf.ts';
import type { PublicArea } from './public.ts';
import { tpm2b } from './sized.ts';

const EMPTY = new Uint8Array(0);

/** What TPM2_ActivateCredential takes, both with their own u16 size in front. */
export interface Credential {
  /** TPM2B_ID_OBJECT (Part 2 §12.4.3). */
  readonly credentialBlob: Uint8Array<ArrayBuffer>;
  /** TPM2B_ENCRYPTED_SECRET (§11.4.3). */
  readonly encryptedSecret: Uint8Array<ArrayBuffer>;
}

/**
 * TPM2_MakeCredential in software (Part 1 §24): only the TPM that holds the endorsement key *and* an object with this
 * Name can recover the secret. `random` has `encapsulationRandomness(endorsementKey)` bytes. Null when the endorsement
 * key is no storage key or not on its curve.
 */
export async function makeCredential(
  endorsementKey: PublicArea,
  name: Uint8Array,
  secret: Uint8Array,
  random: Uint8Array,
): Promise<Credential | null> {
  const shared = encapsulate(endorsementKey, 'IDENTITY', random);
  return shared && protectSecret(endorsementKey, name, secret, shared);
}

/** The outer wrap of Part 1 §24.4 and §24.5: every hash is the endorsement key's nameAlg. */
export async function protectSecret(
  endorsementKey: PublicArea,
  name: Uint8Array,
  secret: Uint8Array,
  shared: Encapsulation,
): Promise<Credential | null> {
  const { nameAlg, symmetric } = endorsementKey;
  if (symmetric === null) return null;
  const { digest, size } = hashByName(nameAlg);
  const encryptionKey = kdfa(nameAlg, shared.seed, 'STORAGE', name, EMPTY, symmetric);
  const encrypted = await encryptCfb(encryptionKey, tpm2b(secret));
  const integrityKey = kdfa(nameAlg, shared.seed, 'INTEGRITY', EMPTY, EMPTY, size * 8);
  const integrity = hmac(digest, integrityKey, concat(encrypted, name));
  return {
    credentialBlob: tpm2b(concat(tpm2b(integrity), encrypted)),
    encryptedSecret: tpm2b(shared.ciphertext),
  };
}
