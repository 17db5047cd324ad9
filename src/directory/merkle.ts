/** Merkle tree hash and inclusion proofs (RFC 9162 §2.1) over short lists. */
import { sha256 } from '@noble/hashes/sha2.js';
import { concat, equal } from '../bytes/join.ts';

type Hash = Uint8Array;

const leaf = (entry: Uint8Array): Hash => sha256(concat(Uint8Array.of(0), entry));
const node = (left: Hash, right: Hash): Hash => sha256(concat(Uint8Array.of(1), left, right));

/** Largest power of two smaller than n, n >= 2. */
const split = (n: number): number => 2 ** (31 - Math.clz32(n - 1));

/** MTH of RFC 9162 §2.1.1; the list is not empty. */
export function treeHash(entries: readonly Uint8Array[]): Hash {
  if (entries.length === 1) return leaf(entries[0]!);
  const k = split(entries.length);
  return node(treeHash(entries.slice(0, k)), treeHash(entries.slice(k)));
}

/** PATH of RFC 9162 §2.1.3.1, from the leaf upwards; 0 <= index < entries.length. */
export function inclusionPath(entries: readonly Uint8Array[], index: number): Hash[] {
  if (entries.length === 1) return [];
  const k = split(entries.length);
  const [left, right] = [entries.slice(0, k), entries.slice(k)];
  return index < k
    ? [...inclusionPath(left, index), treeHash(right)]
    : [...inclusionPath(right, index - k), treeHash(left)];
}

/** Whether the path proves that the entry is number `index` of `count` under the root (RFC 9162 §2.1.3.2). */
export function isIncluded(
  entry: Uint8Array,
  index: number,
  count: number,
  path: readonly Hash[],
  root: Hash,
): boolean {
  const computed = climb(leaf(entry), index, count, path);
  return computed !== null && equal(computed, root);
}

function climb(start: Hash, index: number, count: number, path: readonly Hash[]): Hash | null {
  if (index >= count) return null;
  let [at, last, hash] = [index, count - 1, start];
  for (const sibling of path) {
    if (last === 0) return null;
    if (at % 2 === 1 || at === last) {
      hash = node(sibling, hash);
      while (at % 2 === 0 && at !== 0) [at, last] = [at >>> 1, last >>> 1];
    } else hash = node(hash, sibling);
    [at, last] = [at >>> 1, last >>> 1];
  }
  return last === 0 ? hash : null;
}
