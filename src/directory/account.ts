import { base32, fromBase32 } from '../bytes/base32.ts';

/** The account id that a genesis makes, from the SHA-256 of its payload. */
export function accountIdOf(genesisHash: Uint8Array): string {
  return base32(genesisHash);
}

/** The 32 bytes of an account id, as everything that is signed or hashed writes it; null when it is none. */
export function accountBytes(account: string): Uint8Array<ArrayBuffer> | null {
  const bytes = fromBase32(account);
  return bytes?.length === 32 ? bytes : null;
}

/** The 16 bytes of a device id; null when it is none. */
export function deviceBytes(device: string): Uint8Array<ArrayBuffer> | null {
  const bytes = fromBase32(device);
  return bytes?.length === 16 ? bytes : null;
}

/** A device id from 16 random bytes. */
export function deviceIdOf(random: Uint8Array): string {
  return base32(random.subarray(0, 16));
}

/** Short form for people: the first 80 bits in four groups. Never compared, never signed. */
export function displayId(account: string): string {
  return account.slice(0, 16).replace(/(....)(?=.)/g, '$1-');
}
