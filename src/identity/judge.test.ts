import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  ACCOUNT,
  certify,
  DEVICE,
  keys,
  type Keys,
  NOW,
  random,
  settled,
  world,
  type World,
} from '../../test/support/authority.ts';
import { fromHex, hex } from '../bytes/hex.ts';
import { signRevocationList } from '../ca/revocation.ts';
import { keyIdentifier, serialFrom } from '../ca/names.ts';
import { signBody } from '../ca/sign.ts';
import { jwkSigner } from '../ca/signer.ts';
import { certificateBody } from '../ca/x509.ts';
import { readIdentity } from './certificate.ts';
import { type Expectation, judgeIdentity } from './judge.ts';
import { acceptRevocationList, type RevocationList } from './revocation.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
let ca: World;
let other: World;
let device: Keys;
let leaf: Uint8Array;
let chain: Uint8Array[];
beforeAll(async () => {
  [ca, other, device] = [await world(), await world(), await keys()];
  leaf = await certify(ca, device);
  chain = [leaf, ca.authority.issuing.certificate];
});

const expected = (part: Partial<Expectation> = {}): Expectation => ({
  profile: 'call',
  roots: [ca.root],
  now: NOW,
  validity: 'in-force',
  revocations: null,
  ...part,
});
const judge = (part: Partial<Expectation> = {}, list = chain) => settled(judgeIdentity(list, expected(part)));

async function listOf(serials: string[], life = HOUR, from = ca): Promise<RevocationList> {
  const revoked = serials.map((serial) => ({ serial, at: NOW, reason: 'owner', until: NOW + DAY }) as const);
  const der = await signRevocationList(from.issuer, revoked, 7, NOW, life);
  return settled(acceptRevocationList(der, [from.authority.issuing.certificate], [from.root], NOW));
}

describe('an identity certificate is accepted', () => {
  it('with a path to a pinned root, with or without the root beside it', async () => {
    const accepted = { account: ACCOUNT, device: DEVICE, dormant: false, revocation: 'unknown' };
    expect(await judge()).toMatchObject(accepted);
    expect(await judge({}, [...chain, ca.root])).toMatchObject(accepted);
    expect(await judge({ roots: [other.root, ca.root] })).toMatchObject(accepted);
  });

  it('by the server under its own issuing certificate', async () => {
    const roots = [ca.authority.issuing.certificate];
    expect(await judge({ roots }, [leaf])).toMatchObject({ device: DEVICE });
    expect(await judge({ roots }, [...chain, other.root])).toMatchObject({ device: DEVICE });
  });

  it('as good, when a list of its issuer in force does not name it; as unknown when the list is over or of another issuer', async () => {
    const list = await listOf([serialOf(other.root)]);
    expect(await judge({ revocations: list })).toMatchObject({ revocation: 'good' });
    expect(await judge({ revocations: list, now: NOW + 2 * HOUR })).toMatchObject({ revocation: 'unknown' });
    expect(await judge({ revocations: await listOf([], HOUR, other) })).toMatchObject({ revocation: 'unknown' });
  });

  it('as dormant for as long as it is allowed to sleep', async () => {
    const validity = { dormantAfter: 90 * DAY };
    expect(await judge({ validity })).toMatchObject({ dormant: false });
    expect(await judge({ validity, now: NOW + 80 * DAY })).toMatchObject({ dormant: true });
    await expect(judge({ validity, now: NOW + 98 * DAY })).rejects.toThrow('dormant-too-long');
    const over = [leaf, await issuing({ notAfter: NOW + 10 * DAY })];
    expect(await judge({ validity, now: NOW + 80 * DAY }, over)).toMatchObject({ dormant: true });
    const revocations = await listOf([serialOf(leaf)]);
    await expect(judge({ validity, now: NOW + 80 * DAY, revocations })).rejects.toThrow('revoked');
  });
});

function serialOf(der: Uint8Array): string {
  return readIdentity(der)?.certificate.serial ?? 'ff';
}

/** An issuing certificate of another making, under the root or self-made. */
async function issuing(change: { pathLength?: number; leafLike?: boolean; notAfter?: number }): Promise<Uint8Array> {
  const { certificate } = ca.issuer;
  const body = certificateBody({
    serial: serialFrom(random(16)),
    subject: certificate.subject.attributes[0]!.value!,
    issuer: certificate.issuer.der,
    notBefore: certificate.notBefore,
    notAfter: change.notAfter ?? certificate.notAfter,
    key: ca.issuer.signer.publicKey,
    keyId: keyIdentifier(ca.issuer.signer.publicKey),
    issuerKeyId: certificate.authorityKeyId!,
    signatureAlgorithm: 'ES384',
    ...(!change.leafLike && { authority: { pathLength: change.pathLength ?? 0 } }),
  });
  return signBody(body, await jwkSigner(ca.authority.root.key));
}

describe('an identity certificate is refused', () => {
  it.each<[string, string, () => Promise<unknown>]>([
    ['untrusted-root', 'no anchor', () => judge({ roots: [] })],
    ['untrusted-root', 'another root', () => judge({ roots: [other.root] })],
    ['untrusted-root', 'its own root brought along', () => judge({ roots: [other.root] }, [...chain, ca.root])],
    ['untrusted-root', 'no issuing certificate', () => judge({}, [leaf])],
    ['not-an-identity', 'an empty chain', () => judge({}, [])],
    ['not-an-identity', 'a chain too long', () => judge({}, [leaf, leaf, leaf, leaf])],
    ['not-an-identity', 'a CA certificate', () => judge({}, [ca.root])],
    [
      'issuer-mismatch',
      'another issuer',
      () => judge({ roots: [ca.root, other.root] }, [leaf, other.authority.issuing.certificate]),
    ],
    ['not-a-ca', 'issued by a leaf', async () => judge({}, [leaf, await issuing({ leafLike: true })])],
    ['expired', 'an issuer that is over', async () => judge({}, [leaf, await issuing({ notAfter: NOW - 1000 })])],
    ['malformed', 'garbage above it', () => judge({}, [leaf, new Uint8Array(9)])],
    ['wrong-profile', 'the other profile', () => judge({ profile: 'device' })],
    ['expired', 'too late', () => judge({ now: NOW + 8 * DAY })],
    ['not-yet-valid', 'too early', () => judge({ now: NOW - HOUR })],
    ['revoked', 'on the list', async () => judge({ revocations: await listOf([serialOf(leaf)]) })],
    [
      'revoked',
      'on an old list',
      async () => judge({ revocations: await listOf([serialOf(leaf)]), now: NOW + 2 * DAY }),
    ],
  ])('%s: %s', async (reason, _what, attempt) => {
    await expect(attempt()).rejects.toThrow(reason);
  });

  it('whatever byte of it changes, with a typed reason', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(leaf.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const bad = leaf.slice();
        bad[at]! ^= change;
        await expect(judge({}, [bad, chain[1]!])).rejects.toThrow(/^[a-z-]+$/);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the form of an identity certificate', () => {
  /** The leaf with the bytes `from` replaced; its signature is then wrong, its form is what is asked. */
  const rewritten = (from: string, to: string) => fromHex(hex(leaf).replace(from, to))!;

  it('is closed: an unknown extension, or a known one made critical, is not read', () => {
    expect(readIdentity(leaf)).not.toBeNull();
    expect(readIdentity(rewritten('0603551d1f', '0603551d36'))).toBeNull();
    expect(readIdentity(rewritten('0603551d0f0101ff', '0603551d0f010100'))).toBeNull();
  });
});

describe('a revocation list', () => {
  const accept = async (der: Uint8Array, now = NOW) =>
    settled(acceptRevocationList(der, [ca.authority.issuing.certificate], [ca.root], now));

  it('is read with number, times and reasons, and names certificates as long as their devices may be dormant', async () => {
    const entry = { serial: '0a1b', at: NOW - DAY, reason: 'operator', until: NOW - 90 * DAY } as const;
    const old = { ...entry, serial: '0c', until: NOW - 92 * DAY };
    const list = await accept(await signRevocationList(ca.issuer, [entry, old], 41, NOW, HOUR));
    expect(list).toMatchObject({ number: 41, thisUpdate: NOW, nextUpdate: NOW + HOUR });
    expect([...list.revoked]).toEqual([['a1b', { at: NOW - DAY, reason: 9 }]]);
  });

  it('of another issuer, from the future or changed anywhere is refused', async () => {
    await expect(accept(await signRevocationList(other.issuer, [], 1, NOW, HOUR))).rejects.toThrow('issuer-mismatch');
    const der = await signRevocationList(ca.issuer, [], 1, NOW, HOUR);
    await expect(accept(der, NOW - HOUR)).rejects.toThrow('not-yet-valid');
    await fc.assert(
      fc.asyncProperty(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const bad = der.slice();
        bad[at]! ^= change;
        await expect(accept(bad)).rejects.toThrow(/^[a-z-]+$/);
      }),
      { numRuns: 200 },
    );
  });
});
