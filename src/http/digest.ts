import { sha256 } from '@noble/hashes/sha2.js';
import { utf8 } from '../bytes/utf8.ts';

/** SHA-256. */
export function digest(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256(bytes).slice();
}

/** SHA-256 of the text's UTF-8. */
export function digestOf(text: string): Uint8Array<ArrayBuffer> {
  return digest(utf8(text));
}
