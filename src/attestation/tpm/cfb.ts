import { concat } from '../../bytes/join.ts';

const BLOCK = 16;

/** AES-CFB128 with a zero IV (SP 800-38A §6.3), full-block feedback, from the one-block AES that WebCrypto's CBC with a zero IV is. Key of 16, 24 or 32 bytes. */
export async function encryptCfb(key: Uint8Array<ArrayBuffer>, plain: Uint8Array): Promise<Uint8Array<ArrayBuffer>> {
  const cipher = await crypto.subtle.importKey('raw', key, 'AES-CBC', false, ['encrypt']);
  const parts: Uint8Array[] = [];
  let feedback: Uint8Array<ArrayBuffer> = new Uint8Array(BLOCK);
  for (let at = 0; at < plain.length; at += BLOCK) {
    const stream = await encryptBlock(cipher, feedback);
    feedback = concat(plain.slice(at, at + BLOCK).map((byte, i) => byte ^ stream[i]!));
    parts.push(feedback);
  }
  return concat(...parts);
}

/** The first block of CBC with a zero IV is the plain block cipher; the second is padding and dropped. */
async function encryptBlock(cipher: CryptoKey, block: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const zero = new Uint8Array(BLOCK);
  return new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-CBC', iv: zero }, cipher, block)).slice(0, BLOCK);
}
