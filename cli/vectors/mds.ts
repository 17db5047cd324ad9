import { gunzipSync } from 'node:zlib';
import { builtInTrust } from '../../src/attestation/trust/load.ts';
import { readMetadata } from '../../src/attestation/trust/metadata.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import type { Answer } from './judge.ts';
import { bytes, text, type Vector } from './vector.ts';

/** The BLOB is kept with its payload compressed; see the collection's `encoding`. */
export function blobOf({ input }: Vector): string {
  const jws = input['jws'] as { readonly [name: string]: unknown };
  const payload = base64url(gunzipSync(bytes(jws['payloadGzip'])));
  return `${text(jws['protected'])}.${payload}.${text(jws['signature'])}`;
}

export async function mds(vector: Vector): Promise<Answer> {
  const now = Date.parse(vector.verifyAt);
  const query = { blob: blobOf(vector), trust: builtInTrust(), now, fetchedAt: now, previousNo: null };
  const result = await readMetadata(query);
  if (!result.ok) return { decision: 'refuse', reason: result.reason };
  return { decision: 'accept', reason: '', anchor: result.anchor };
}
