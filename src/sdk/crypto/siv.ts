/**
 * AES-SIV-CMAC (RFC 5297), with a 64- or 32-byte key; the 16-byte synthetic IV comes first. Not AES-GCM-SIV, which some libraries
 * call `siv`. WebCrypto has none, so it is the same in every runtime, and comes with groups alone.
 */
import { aessiv } from '@noble/ciphers/aes.js';
import type { Bytes } from './provider.ts';

export function sivSeal(key: Uint8Array, data: readonly Uint8Array[], plaintext: Uint8Array): Bytes {
  return aessiv(key, ...data).encrypt(plaintext);
}

export function sivOpen(key: Uint8Array, data: readonly Uint8Array[], sealed: Uint8Array): Bytes | null {
  if (sealed.length < 16) return null;
  try {
    return aessiv(key, ...data).decrypt(sealed);
  } catch {
    return null;
  }
}
