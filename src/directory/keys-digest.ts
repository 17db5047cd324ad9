import { sha256 } from '@noble/hashes/sha2.js';
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { concat, lp, u32 } from '../bytes/join.ts';
import { utf8 } from '../bytes/utf8.ts';
import type { OneTimeBatch } from '../protocol/bundle.ts';

const DOMAIN = utf8('callsign/keys/1\0');

/** What a device has published: the hash of its bundle, base64url, and its batches that have not expired, given out or not. */
export interface Published {
  readonly bundle: string | null;
  readonly batches: readonly Pick<OneTimeBatch, 'batchId' | 'firstKeyId' | 'count' | 'root'>[];
}

/**
 * Names exactly these keys, so that a device sees at once whether the server has what it published: SHA-256 over the label, lp(bundle
 * hash, empty without one), the number of batches (u32), and by first key id: id[16], u32 first key id, u32 count, root[32]. base64url.
 */
export function keysDigest({ bundle, batches }: Published): string {
  const sorted = batches.toSorted((a, b) => a.firstKeyId - b.firstKeyId);
  const parts = sorted.map(({ batchId, firstKeyId, count, root }) =>
    concat(bytes(batchId), u32(firstKeyId), u32(count), bytes(root)),
  );
  return base64url(sha256(concat(DOMAIN, lp(bytes(bundle ?? '')), u32(batches.length), ...parts)));
}

function bytes(text: string): Uint8Array {
  return fromBase64url(text) ?? new Uint8Array();
}
