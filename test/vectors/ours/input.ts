import { fromHex } from '../../../src/bytes/hex.ts';

/** Inputs of a vector: byte strings in lowercase hexadecimal, text as text. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Input = any;
export type Table = Record<string, (input: Input) => unknown>;

export function b(text: string): Uint8Array<ArrayBuffer> {
  const bytes = fromHex(text);
  if (bytes === null) throw new TypeError(`no hexadecimal: ${text}`);
  return bytes;
}
