import { beforeAll, describe, expect, it } from 'vitest';
import { keys, type Keys, NOW, random, settled } from '../../test/support/authority.ts';
import { PLAIN } from '../../test/support/manifests.ts';
import { base64url } from '../bytes/base64url.ts';
import { u32 } from '../bytes/join.ts';
import type { KeyBundle, OneTimeKey, OneTimeKeys } from '../protocol/bundle.ts';
import type { Manifest } from '../protocol/manifest.ts';
import { accountBytes, deviceBytes, deviceIdOf } from './account.ts';
import {
  batchEntry,
  batchMessage,
  batchRoot,
  capabilitiesMessage,
  lastResortMessage,
  signedPrekeyMessage,
} from './bundle.ts';
import { extend } from './manifest/chain.ts';
import { type Head, presentSince } from './manifest/head.ts';
import { parseManifest } from './manifest/parse.ts';
import { assemble, draft, genesisOf, signingInput, successor } from './manifest/write.ts';
import { inclusionPath } from './merkle.ts';
import { judgeBundle, judgeOneTimeKey, judgeOneTimeKeys } from './published-keys.ts';

const DAY = 86_400_000;
const DORMANT = 90 * DAY;
const A = deviceIdOf(random(16));
const B = deviceIdOf(random(16));
const point = (n: number) => Uint8Array.of(4, ...new Uint8Array(60), ...u32(n));
let [a, b]: Keys[] = [];
let two: Head;

async function grown(head: Head | null, manifest: Manifest, ...signers: [string, Keys][]): Promise<Head> {
  const document = draft(manifest);
  const signatures = await Promise.all(
    signers.map(async ([kid, key]) => ({ kid, signature: await key.sign(signingInput(document, { kid })) })),
  );
  const parsed = parseManifest(assemble(document, signatures));
  if (!parsed.ok) throw new Error(parsed.reason);
  const steps = await settled(extend(null, head, [parsed.parsed], { now: NOW, mode: 'replay', revokedAt: () => null }));
  return steps[0]!.head;
}

beforeAll(async () => {
  [a, b] = [await keys(), await keys()];
  const one = await grown(null, genesisOf({ id: A, key: base64url(a.spki) }, NOW - 30 * DAY, PLAIN), [A, a]);
  const added = { id: B, key: base64url(b.spki), addedAt: NOW - 20 * DAY };
  two = await grown(one, successor(one, NOW - 20 * DAY, { devices: [...one.manifest.devices, added] }), [A, a], [B, b]);
});

const ownerOf = (device: string) => ({ account: accountBytes(two.account)!, device: deviceBytes(device)! });

async function bundle({ device = B, by = b!, manifestVersion = 2, notBefore = NOW - DAY } = {}): Promise<KeyBundle> {
  const owner = ownerOf(device);
  const fields = { keyId: 1, manifestVersion, notBefore, expiresAt: notBefore + 21 * DAY };
  const kem = new Uint8Array(1184).fill(7);
  const capabilities = {
    manifestVersion,
    issuedAt: notBefore,
    media: ['audio'],
    codecs: ['opus'],
    protocol: { min: 1, max: 1 },
  };
  const sign = async (message: Uint8Array) => base64url(await by.sign(message.slice()));
  return {
    suite: 1,
    signedPrekey: {
      ...fields,
      key: base64url(point(1)),
      signature: await sign(signedPrekeyMessage(owner, fields, point(1))),
    },
    lastResort: {
      ...fields,
      keyId: 2,
      key: base64url(kem),
      signature: await sign(lastResortMessage(owner, { ...fields, keyId: 2 }, kem)),
    },
    capabilities: { ...capabilities, signature: await sign(capabilitiesMessage(owner, capabilities)) },
  };
}
const judge = async (wire: KeyBundle, { device = B, now = NOW } = {}) =>
  settled(judgeBundle(two, device, wire, now, DORMANT));

describe('a bundle counts', () => {
  it('for the device whose key signed it, while device and key are in the chain', async () => {
    expect(await judge(await bundle())).toMatchObject({ freshness: 'fresh' });
    expect(await judge(await bundle({ notBefore: NOW - 22 * DAY }))).toMatchObject({ freshness: 'stale' });
    expect(await judge(await bundle({ device: A, by: a!, manifestVersion: 1 }), { device: A })).toMatchObject({
      freshness: 'fresh',
    });
    expect([presentSince(two, A, 1), presentSince(two, B, 1), presentSince(two, A, 3)]).toEqual([true, false, false]);
  });

  it.each<[string, string, () => Promise<unknown>]>([
    ['signature-invalid', 'of another device of the account', async () => judge(await bundle({ device: A, by: a! }))],
    ['signature-invalid', 'signed by another key', async () => judge(await bundle({ by: a! }))],
    ['manifest-version', 'from before the device joined', async () => judge(await bundle({ manifestVersion: 1 }))],
    [
      'manifest-version',
      'for a version that the verified head does not know',
      async () => judge(await bundle({ manifestVersion: 3 })),
    ],
    ['refused-by-age', 'too old to be dormant', async () => judge(await bundle({ notBefore: NOW - 90 * DAY }))],
    ['refused-by-age', 'from the future', async () => judge(await bundle({ notBefore: NOW + 3_600_000 }))],
    ['unknown-device', 'of a stranger', async () => judge(await bundle(), { device: deviceIdOf(random(16)) })],
    [
      'signature-invalid',
      'with its protocol range widened',
      async () => {
        const wire = await bundle();
        wire.capabilities.protocol.min = 0;
        return judge(wire);
      },
    ],
  ])('not: %s (%s)', async (reason, _what, attempt) => {
    await expect(attempt()).rejects.toThrow(reason);
  });
});

describe('a one-time key counts', () => {
  async function upload({ by = b!, manifestVersion = 2, expiresAt = NOW + DAY } = {}): Promise<OneTimeKeys> {
    const list = [10, 11, 12].map(point);
    const [id, root] = [random(16), batchRoot(5, list)];
    const fields = { manifestVersion, firstKeyId: 5, count: 3, expiresAt };
    const signature = base64url(await by.sign(batchMessage(ownerOf(B), fields, id, root).slice()));
    return {
      batch: { ...fields, batchId: base64url(id), root: base64url(root), signature },
      keys: list.map(base64url),
    };
  }
  const served = ({ batch, keys: list }: OneTimeKeys, index = 1): OneTimeKey => {
    const entries = [10, 11, 12].map((n, i) => batchEntry(5, i, point(n)));
    return { batch, index, key: list[index]!, path: inclusionPath(entries, index).map(base64url) };
  };
  const judgeOne = async (wire: OneTimeKey) => settled(judgeOneTimeKey(two, B, wire, NOW));

  it('when its batch is signed by its device; so does the whole batch', async () => {
    const whole = await upload();
    expect(await judgeOne(served(whole))).toEqual({ keyId: 6, key: point(11) });
    expect(await settled(judgeOneTimeKeys(two, B, whole, NOW))).toHaveLength(3);
  });

  it.each<[string, string, () => Promise<unknown>]>([
    ['signature-invalid', 'another key signed the batch', async () => judgeOne(served(await upload({ by: a! })))],
    [
      'not-in-batch',
      'a key that the batch does not hold',
      async () => judgeOne({ ...served(await upload()), key: base64url(point(13)) }),
    ],
    ['manifest-version', 'an older manifest', async () => judgeOne(served(await upload({ manifestVersion: 1 })))],
    ['batch-expired', 'too late', async () => judgeOne(served(await upload({ expiresAt: NOW })))],
    [
      'not-in-batch',
      'a list that is not the one signed',
      async () => {
        const whole = await upload();
        return settled(judgeOneTimeKeys(two, B, { ...whole, keys: whole.keys.toReversed() }, NOW));
      },
    ],
  ])('not: %s (%s)', async (reason, _what, attempt) => {
    await expect(attempt()).rejects.toThrow(reason);
  });
});
