import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { fromBase64url } from '../../src/bytes/base64url.ts';

/** A vector of the attestation collection. Bytes are base64url; `Input` is what the family's vectors have in common. */
export interface Vector<Input> {
  readonly id: string;
  /** ISO 8601: the time at which validity is judged. */
  readonly verifyAt: string;
  readonly input: Input;
  readonly expect: {
    readonly verdict: 'accept' | 'reject';
    readonly reason: string;
    /** Id of the anchor that the path ends in. */
    readonly chainsTo: string | null;
    /** Computed values, where the vector is of a computation. */
    readonly output?: { readonly [name: string]: string | null };
  };
}

const folder = process.env['CALLSIGN_VECTORS'] ?? fileURLToPath(new URL('../../../shared/vectors/', import.meta.url));

/** A family's vectors; empty, after one printed line, where the folder is absent. With CI=true its absence is an error. */
export function vectors<Input>(family: string): readonly Vector<Input>[] {
  const path = `${folder.replace(/\/$/, '')}/${family}.json`;
  if (existsSync(path)) return (JSON.parse(readFileSync(path, 'utf8')) as { vectors: Vector<Input>[] }).vectors;
  const message = `skipped: no ${family} vectors at ${folder}; set CALLSIGN_VECTORS to their folder`;
  if (process.env['CI'] === 'true') throw new Error(message);
  console.log(message);
  return [];
}

/** Bytes of a field of `input` or `expect.output`. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  const value = fromBase64url(text);
  if (value === null) throw new Error(`not base64url: ${text.slice(0, 40)}`);
  return value;
}
