/** ML-KEM-768 (FIPS 203), loaded when first used: an application that never calls pays nothing for it. */
import type { Bytes, KemKey } from './provider.ts';
import { SIZES } from './provider.ts';

const load = async () => (await import('@noble/post-quantum/ml-kem.js')).ml_kem768;

export async function restoreKem(seed: Uint8Array): Promise<KemKey> {
  const { publicKey } = (await load()).keygen(seed);
  return { publicKey: publicKey, seed: Uint8Array.from(seed) };
}

export async function encapsulate(
  publicKey: Uint8Array,
  random: Uint8Array,
): Promise<{ ciphertext: Bytes; secret: Bytes } | null> {
  if (publicKey.length !== SIZES.kemKey || !belowModulus(publicKey)) return null;
  const { cipherText, sharedSecret } = (await load()).encapsulate(publicKey, random);
  return { ciphertext: cipherText, secret: sharedSecret };
}

export async function decapsulate(key: KemKey, ciphertext: Uint8Array): Promise<Bytes | null> {
  if (ciphertext.length !== SIZES.kemCiphertext) return null;
  const kem = await load();
  const { secretKey } = kem.keygen(key.seed);
  const secret = kem.decapsulate(ciphertext, secretKey) as Bytes;
  secretKey.fill(0);
  return secret;
}

/** Encapsulation key check of FIPS 203 §7.2: all 768 12-bit coefficients are below q = 3329. */
function belowModulus(publicKey: Uint8Array): boolean {
  for (let i = 0; i < 1152; i += 3) {
    const low = publicKey[i]! | ((publicKey[i + 1]! & 15) << 8);
    const high = (publicKey[i + 1]! >> 4) | (publicKey[i + 2]! << 4);
    if (low >= 3329 || high >= 3329) return false;
  }
  return true;
}
