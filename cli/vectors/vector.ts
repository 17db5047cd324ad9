/** Vectors in the schema of the attestation collection: `{ family, policy, vectors: [...] }`, bytes as base64url. */
import { readFileSync } from 'node:fs';
import { fromBase64url } from '../../src/bytes/base64url.ts';

export interface Vector {
  readonly id: string;
  /** ISO 8601: the time at which validity is judged. */
  readonly verifyAt: string;
  readonly input: { readonly [name: string]: unknown };
  readonly expect: {
    readonly verdict: 'accept' | 'reject';
    readonly reason: string;
    readonly chainsTo: string | null;
    readonly strict?: { readonly verdict: 'accept' | 'reject'; readonly reasons: readonly string[] };
    readonly output?: { readonly [name: string]: string | null };
  };
}

export interface VectorFile {
  readonly family: string;
  readonly policy: { readonly trustedAnchorClasses?: readonly string[]; readonly trustedAnchors?: readonly string[] };
  readonly vectors: readonly Vector[];
}

export function readVectorFile(path: string): VectorFile {
  return JSON.parse(readFileSync(path, 'utf8')) as VectorFile;
}

export function bytes(field: unknown): Uint8Array<ArrayBuffer> {
  const value = typeof field === 'string' ? fromBase64url(field) : null;
  if (value === null) throw new Error('vector: a field is not base64url');
  return value;
}

export function text(field: unknown): string {
  if (typeof field !== 'string') throw new Error('vector: a field is not text');
  return field;
}
