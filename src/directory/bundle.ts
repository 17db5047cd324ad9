/**
 * Key bundles: the exact bytes a device signs, and what can be judged of a bundle without verifying a signature.
 * Callers verify each `Signed` with the identity key of the verified manifest (ES256), and that the device is in the
 * chain with this key from `manifestVersion` to the head.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { fromBase64url } from '../bytes/base64url.ts';
import { concat, equal, lp, u16, u32 } from '../bytes/join.ts';
import { utf8 } from '../bytes/utf8.ts';
import type {
  DeviceCapabilities,
  KeyBundle,
  OneTimeBatch,
  OneTimeKey,
  OneTimeKeys,
  SignedPrekey,
} from '../protocol/bundle.ts';
import { BUNDLE } from '../protocol/bundle.ts';
import { isIncluded, treeHash } from './merkle.ts';

/** Whose bundle: account id 32 bytes, device id 16 bytes, both raw. */
export interface BundleOwner {
  account: Uint8Array;
  device: Uint8Array;
}

/** A message and the ES256 signature (64 bytes) that the identity key must have made over it. */
export interface Signed {
  message: Uint8Array;
  signature: Uint8Array;
}

type Malformed = { ok: false; reason: 'malformed' };
type Result<T> = ({ ok: true } & T) | Malformed;

const MALFORMED: Malformed = { ok: false, reason: 'malformed' };
const DOMAIN = utf8('callsign/bundle/1\0');
const HASH_DOMAIN = utf8('callsign/bundle-hash/1\0');
const KIND = { signedPrekey: 1, lastResort: 2, oneTimeBatch: 3, capabilities: 4 } as const;

const u64 = (value: number): Uint8Array => concat(u32(Math.floor(value / 2 ** 32)), u32(value % 2 ** 32));
const words = (list: readonly string[]): Uint8Array => concat(u16(list.length), ...list.map((word) => lp(utf8(word))));

/** Domain, version 1, suite, kind, account, device, manifest version: how every signed object of a bundle begins. */
function prefix(kind: number, owner: BundleOwner, manifestVersion: number): Uint8Array {
  return concat(DOMAIN, Uint8Array.of(1, BUNDLE.suite, kind), owner.account, owner.device, u32(manifestVersion));
}

type UnsignedKey = Omit<SignedPrekey, 'signature' | 'key'>;

function keyMessage(kind: number, owner: BundleOwner, fields: UnsignedKey, key: Uint8Array): Uint8Array {
  const dates = concat(u64(fields.notBefore), u64(fields.expiresAt));
  return concat(prefix(kind, owner, fields.manifestVersion), u32(fields.keyId), dates, lp(key));
}

/** Bytes signed for a P-256 prekey (65-byte point). */
export const signedPrekeyMessage = (owner: BundleOwner, fields: UnsignedKey, key: Uint8Array): Uint8Array =>
  keyMessage(KIND.signedPrekey, owner, fields, key);

/** Bytes signed for the last-resort ML-KEM-768 key; the kind is inside, so it cannot pass for a one-time key. */
export const lastResortMessage = (owner: BundleOwner, fields: UnsignedKey, key: Uint8Array): Uint8Array =>
  keyMessage(KIND.lastResort, owner, fields, key);

export function capabilitiesMessage(owner: BundleOwner, fields: Omit<DeviceCapabilities, 'signature'>): Uint8Array {
  const { protocol } = fields;
  const lists = concat(words(fields.media), words(fields.codecs));
  const head = prefix(KIND.capabilities, owner, fields.manifestVersion);
  return concat(head, u64(fields.issuedAt), lists, u32(protocol.min), u32(protocol.max));
}

type UnsignedBatch = Omit<OneTimeBatch, 'signature' | 'root' | 'batchId'>;

export function batchMessage(
  owner: BundleOwner,
  fields: UnsignedBatch,
  batchId: Uint8Array,
  root: Uint8Array,
): Uint8Array {
  const numbers = concat(u32(fields.firstKeyId), u32(fields.count), u64(fields.expiresAt));
  return concat(prefix(KIND.oneTimeBatch, owner, fields.manifestVersion), batchId, numbers, root);
}

/** Entry `index` of a batch's list: u32 key id, 65-byte point. */
export const batchEntry = (firstKeyId: number, index: number, key: Uint8Array): Uint8Array =>
  concat(u32(firstKeyId + index), key);

export const batchRoot = (firstKeyId: number, keys: readonly Uint8Array[]): Uint8Array =>
  treeHash(keys.map((key, index) => batchEntry(firstKeyId, index, key)));

/** A bundle in bytes, with everything to verify before it is used. */
export interface OpenedBundle {
  signedPrekey: { keyId: number; key: Uint8Array };
  lastResort: { keyId: number; key: Uint8Array };
  manifestVersions: number[];
  signed: Signed[];
  /** Names exactly these keys and capabilities; signatures are left out because ECDSA is malleable. */
  hash: Uint8Array;
}

export function openBundle(owner: BundleOwner, bundle: KeyBundle): Result<{ bundle: OpenedBundle }> {
  const { signedPrekey, lastResort, capabilities } = bundle;
  const prekey = openKey(KIND.signedPrekey, owner, signedPrekey);
  const kem = openKey(KIND.lastResort, owner, lastResort);
  const signature = fromBase64url(capabilities.signature);
  if (prekey === null || kem === null || signature === null) return MALFORMED;
  const signed = [prekey.signed, kem.signed, { message: capabilitiesMessage(owner, capabilities), signature }];
  return {
    ok: true,
    bundle: {
      signedPrekey: prekey,
      lastResort: kem,
      manifestVersions: [signedPrekey, lastResort, capabilities].map((part) => part.manifestVersion),
      signed,
      hash: bundleHash(signed.map(({ message }) => message)),
    },
  };
}

/** Of the three signed messages, in the order of their kinds. */
export const bundleHash = (messages: readonly Uint8Array[]): Uint8Array =>
  sha256(concat(HASH_DOMAIN, ...messages.map(lp)));

function openKey(kind: number, owner: BundleOwner, wire: SignedPrekey) {
  const [key, signature] = [fromBase64url(wire.key), fromBase64url(wire.signature)];
  if (key === null || signature === null) return null;
  return { keyId: wire.keyId, key, signed: { message: keyMessage(kind, owner, wire, key), signature } };
}

/** Reads a served one-time key and checks its place in the batch; the batch signature is left to verify. */
export function openOneTimeKey(
  owner: BundleOwner,
  wire: OneTimeKey,
): Result<{ keyId: number; key: Uint8Array; signed: Signed }> | { ok: false; reason: 'not-in-batch' } {
  const { batch, index } = wire;
  const opened = openBatch(owner, batch);
  const key = fromBase64url(wire.key);
  const path = wire.path.map(fromBase64url);
  if (opened === null || key === null || !path.every((step) => step !== null)) return MALFORMED;
  const entry = batchEntry(batch.firstKeyId, index, key);
  if (!isIncluded(entry, index, batch.count, path, opened.root)) return { ok: false, reason: 'not-in-batch' };
  return { ok: true, keyId: batch.firstKeyId + index, key, signed: opened.signed };
}

/** Reads an upload: the list must have the count and the root that were signed. */
export function openOneTimeKeys(
  owner: BundleOwner,
  wire: OneTimeKeys,
): Result<{ keys: Uint8Array[]; signed: Signed }> | { ok: false; reason: 'not-in-batch' } {
  const opened = openBatch(owner, wire.batch);
  const keys = wire.keys.map(fromBase64url);
  if (opened === null || !keys.every((key) => key !== null)) return MALFORMED;
  const { count, firstKeyId } = wire.batch;
  if (keys.length !== count || !equal(batchRoot(firstKeyId, keys), opened.root))
    return { ok: false, reason: 'not-in-batch' };
  return { ok: true, keys, signed: opened.signed };
}

function openBatch(owner: BundleOwner, batch: OneTimeBatch): { root: Uint8Array; signed: Signed } | null {
  const [id, root, signature] = [batch.batchId, batch.root, batch.signature].map(fromBase64url);
  if (!id || !root || !signature) return null;
  return { root, signed: { message: batchMessage(owner, batch, id, root), signature } };
}

/**
 * Age of a signed prekey or last-resort key. `fresh` until its expiry, at most 21 days; then `stale`: used and marked;
 * `refused` once older than `dormantAfterMs`, and when dated more than five minutes ahead.
 */
export function freshness(
  key: { notBefore: number; expiresAt: number },
  now: number,
  dormantAfterMs: number,
): 'fresh' | 'stale' | 'refused' {
  if (key.notBefore > now + 300_000 || now >= key.notBefore + dormantAfterMs) return 'refused';
  return now < Math.min(key.expiresAt, key.notBefore + BUNDLE.freshMs) ? 'fresh' : 'stale';
}
