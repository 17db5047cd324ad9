import { sha256 } from '@noble/hashes/sha2.js';
import { p256 } from '@noble/curves/nist.js';
import fc from 'fast-check';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { base64url } from '../bytes/base64url.ts';
import { hex } from '../bytes/hex.ts';
import { utf8 } from '../bytes/utf8.ts';
import { KeyBundle, OneTimeKey, OneTimeKeys } from '../protocol/bundle.ts';
import {
  batchEntry,
  batchMessage,
  batchRoot,
  capabilitiesMessage,
  freshness,
  lastResortMessage,
  openBundle,
  openOneTimeKey,
  openOneTimeKeys,
  signedPrekeyMessage,
} from './bundle.ts';
import { inclusionPath, isIncluded, treeHash } from './merkle.ts';

const secret = p256.utils.randomSecretKey();
const sign = (message: Uint8Array) => base64url(p256.sign(message, secret, { lowS: false }));
const valid = (signed: { message: Uint8Array; signature: Uint8Array }) =>
  p256.verify(signed.signature, signed.message, p256.getPublicKey(secret), { lowS: false });

const owner = { account: new Uint8Array(32).fill(1), device: new Uint8Array(16).fill(2) };
const other = { ...owner, device: new Uint8Array(16).fill(3) };
const point = (n: number) => p256.getPublicKey(sha256(utf8(String(n))), false);

function bundle(): KeyBundle {
  const fields = { keyId: 7, manifestVersion: 3, notBefore: 1_790_000_000_000, expiresAt: 1_791_000_000_000 };
  const [prekey, kem] = [point(0), new Uint8Array(1184).fill(9)];
  const capabilities = {
    manifestVersion: 3,
    issuedAt: 1_790_000_000_000,
    media: ['audio', 'video'],
    codecs: ['opus', 'vp8'],
    protocol: { min: 1, max: 1 },
  };
  return {
    suite: 1,
    signedPrekey: { ...fields, key: base64url(prekey), signature: sign(signedPrekeyMessage(owner, fields, prekey)) },
    lastResort: {
      ...fields,
      keyId: 8,
      key: base64url(kem),
      signature: sign(lastResortMessage(owner, { ...fields, keyId: 8 }, kem)),
    },
    capabilities: { ...capabilities, signature: sign(capabilitiesMessage(owner, capabilities)) },
  };
}

function opened(whose: typeof owner, wire: KeyBundle) {
  const result = openBundle(whose, v.parse(KeyBundle, wire));
  if (!result.ok) throw new Error(result.reason);
  return result.bundle;
}

describe('a bundle', () => {
  it('verifies for its owner and for nobody else', () => {
    expect(opened(owner, bundle()).signed.map(valid)).toEqual([true, true, true]);
    expect(opened(other, bundle()).signed.map(valid)).toEqual([false, false, false]);
  });

  it('has no field outside its signatures', () => {
    const changes: ((wire: KeyBundle) => void)[] = [
      (wire) => (wire.signedPrekey.keyId += 1),
      (wire) => (wire.signedPrekey.notBefore += 1),
      (wire) => (wire.signedPrekey.expiresAt += 2 ** 32),
      (wire) => (wire.lastResort.manifestVersion += 1),
      (wire) => (wire.capabilities.media = ['audio']),
      (wire) => (wire.capabilities.codecs = ['opusvp8']),
      (wire) => (wire.capabilities.protocol.min = 0),
    ];
    for (const change of changes) {
      const wire = bundle();
      change(wire);
      expect(opened(owner, wire).signed.every(valid)).toBe(false);
      expect(hex(opened(owner, wire).hash)).not.toBe(hex(opened(owner, bundle()).hash));
    }
  });

  it('cannot pass its last-resort key for a prekey of another kind, or lose it', () => {
    const wire = bundle();
    const fields = { ...wire.lastResort };
    expect(hex(lastResortMessage(owner, fields, point(0)))).not.toBe(hex(signedPrekeyMessage(owner, fields, point(0))));
    const { lastResort: _, ...stripped } = wire;
    expect(v.safeParse(KeyBundle, stripped).success).toBe(false);
  });

  it('has one hash whatever its signatures are', () => {
    const wire = bundle();
    wire.capabilities.signature = base64url(new Uint8Array(64));
    expect(opened(owner, wire).hash).toEqual(opened(owner, bundle()).hash);
  });

  it('refuses base64url that is not canonical', () => {
    const wire = bundle();
    wire.signedPrekey.signature = `${wire.signedPrekey.signature.slice(0, -1)}-`;
    const last = wire.signedPrekey.signature;
    expect(v.safeParse(KeyBundle, wire).success).toBe(true);
    wire.signedPrekey.signature = `${last.slice(0, -1)}B`;
    expect(openBundle(owner, wire)).toEqual({ ok: false, reason: 'malformed' });
  });

  it('is fresh for its time, stale until dormant, then refused', () => {
    const day = 86_400_000;
    const key = { notBefore: 100 * day, expiresAt: 200 * day };
    const at = (days: number) => freshness(key, days * day, 90 * day);
    expect([at(99.9), at(100), at(120.9), at(121), at(189.9), at(190)]).toEqual([
      'refused',
      'fresh',
      'fresh',
      'stale',
      'stale',
      'refused',
    ]);
  });
});

function batch(count: number): OneTimeKeys {
  const keys = Array.from({ length: count }, (_, i) => point(i + 1));
  const fields = { manifestVersion: 3, firstKeyId: 40, count, expiresAt: 1_791_000_000_000 };
  const [id, root] = [new Uint8Array(16).fill(5), batchRoot(40, keys)];
  const signature = sign(batchMessage(owner, fields, id, root));
  return { batch: { ...fields, batchId: base64url(id), root: base64url(root), signature }, keys: keys.map(base64url) };
}

function served(upload: OneTimeKeys, index: number): OneTimeKey {
  const entries = upload.keys.map((_, i) => batchEntry(40, i, point(i + 1)));
  const path = inclusionPath(entries, index).map(base64url);
  return v.parse(OneTimeKey, { batch: upload.batch, index, key: upload.keys[index], path });
}

describe('a batch of one-time keys', () => {
  it.each([1, 2, 3, 7, 100])('of %d: every served key proves its place, and only its own', (count) => {
    const upload = v.parse(OneTimeKeys, batch(count));
    const read = openOneTimeKeys(owner, upload);
    expect(read.ok && valid(read.signed)).toBe(true);
    for (const index of new Set([0, count >> 1, count - 1])) {
      const key = openOneTimeKey(owner, served(upload, index));
      expect(key.ok && valid(key.signed) && key.keyId).toBe(40 + index);
      const moved = openOneTimeKey(owner, { ...served(upload, index), index: (index + 1) % 100 });
      expect(moved).toEqual({ ok: false, reason: 'not-in-batch' });
    }
  });

  it('refuses an upload that is not the list that was signed', () => {
    const upload = batch(3);
    expect(openOneTimeKeys(owner, { ...upload, keys: upload.keys.toReversed() }).ok).toBe(false);
    expect(openOneTimeKeys(owner, { ...upload, keys: upload.keys.slice(1) }).ok).toBe(false);
  });
});

describe('inclusion proofs', () => {
  it('are RFC 9162 trees: the empty right edge is promoted, not repeated', () => {
    const entries = ['a', 'b', 'c'].map(utf8);
    const leaf = (text: string) => sha256(utf8(`\0${text}`));
    const node = (l: Uint8Array, r: Uint8Array) => sha256(Uint8Array.of(1, ...l, ...r));
    expect(treeHash(entries)).toEqual(node(node(leaf('a'), leaf('b')), leaf('c')));
  });

  it('hold for every place of every list, and for no other entry or place', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(), fc.nat(), (count, a, b) => {
        const entries = Array.from({ length: count }, (_, i) => utf8(`entry ${i}`));
        const [index, elsewhere] = [a % count, b % count];
        const path = inclusionPath(entries, index);
        const root = treeHash(entries);
        expect(isIncluded(entries[index]!, index, count, path, root)).toBe(true);
        expect(isIncluded(entries[index]!, elsewhere, count, path, root)).toBe(elsewhere === index);
        expect(isIncluded(entries[elsewhere]!, index, count, path, root)).toBe(elsewhere === index);
        expect(isIncluded(entries[index]!, index, count, [...path, root], root)).toBe(false);
      }),
    );
  });
});
