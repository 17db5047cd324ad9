/** What SRTP needs of a platform, synchronously: AES in counter mode and HMAC-SHA1, each keyed once and used per packet. */

export interface SrtpCrypto {
  readonly name: string;
  /** XORs the keystream that begins at the 16-byte counter block into data, in place. Key of 16 or 32 bytes. */
  counterMode(key: Uint8Array): (counter: Uint8Array, data: Uint8Array) => void;
  /** HMAC-SHA1 (RFC 2104) over data, then suffix: 20 bytes. */
  hmacSha1(key: Uint8Array): (data: Uint8Array, suffix: Uint8Array) => Uint8Array;
}
