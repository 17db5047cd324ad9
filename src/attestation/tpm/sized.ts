import { concat, u16 } from '../../bytes/join.ts';
import { TpmReader } from './reader.ts';

/** TPM2B_* (Part 2 §10.4.1): u16 size, then the bytes. */
export function tpm2b(content: Uint8Array): Uint8Array<ArrayBuffer> {
  return concat(u16(content.length), content);
}

/** The content of a TPM2B that fills `bytes` to the last one, or null. */
export function fromTpm2b(bytes: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const reader = new TpmReader(bytes);
  const content = reader.sized();
  return reader.whole ? content : null;
}
