import { describe, expect, it } from 'vitest';
import * as ca from '../../../test/attestation/support/ca.ts';
import { type Chain, type Link, makeAnchor, makeChain } from '../../../test/attestation/support/chain.ts';
import * as der from '../../../test/attestation/support/der.ts';
import type { Anchor } from '../trust/store.ts';
import type { Profile } from './profile.ts';
import { aik } from './profiles/aik.ts';
import { android, KEY_DESCRIPTION, PROVISIONING_INFO } from './profiles/android.ts';
import { apple } from './profiles/apple.ts';
import { ek } from './profiles/ek.ts';
import { strict } from './profiles/strict.ts';
import { MAX_CHAIN, type PathQuery, validatePath } from './validate.ts';

const now = ca.TEST_NOW;
const DAY = 86_400_000;
const keys = await Promise.all(Array.from({ length: 5 }, () => ca.makeKey()));
const [rootKey, upperKey, lowerKey, leafKey] = keys as [ca.TestKey, ca.TestKey, ca.TestKey, ca.TestKey, ca.TestKey];
const id = (n: number) => new Uint8Array([n, n, n, n]);

const root: Link = { key: rootKey, extensions: [ca.basicConstraints(true), ca.keyUsage(0x04), ca.subjectKeyId(id(1))] };
const upper: Link = {
  key: upperKey,
  extensions: [ca.basicConstraints(true, 1), ca.keyUsage(0x04), ca.subjectKeyId(id(2)), ca.authorityKeyId(id(1))],
};
const lower: Link = {
  key: lowerKey,
  extensions: [ca.basicConstraints(true, 0), ca.keyUsage(0x04), ca.subjectKeyId(id(3)), ca.authorityKeyId(id(2))],
};
const leaf: Link = {
  key: leafKey,
  extensions: [ca.basicConstraints(false), ca.keyUsage(0x80), ca.authorityKeyId(id(3))],
};

async function judge(links: readonly Link[], change: Partial<PathQuery> = {}, anchor: Partial<Anchor> = {}) {
  const chain = await makeChain(links);
  return judgeChain(chain, change, anchor);
}

function judgeChain(chain: Chain, change: Partial<PathQuery> = {}, anchor: Partial<Anchor> = {}) {
  const anchors = [makeAnchor(chain.certificates.at(-1)!, anchor)];
  return validatePath({ chain: chain.certificates, anchors, now, profile: strict, ...change });
}

const good = await makeChain([root, upper, lower, leaf]);

describe('a good path', () => {
  it('is accepted with the anchor sent along and without it', async () => {
    const whole = await judgeChain(good);
    expect(whole).toMatchObject({ ok: true, anchor: { id: 'TEST-ANCHOR' } });
    expect(whole.ok && whole.path.length).toBe(3);
    expect(await judgeChain(good, { chain: good.certificates.slice(0, 3) })).toMatchObject({ ok: true });
  });

  it('finds intermediates that the evidence omits among those supplied', async () => {
    const [first, second, third] = good.certificates;
    const intermediates = [third!, second!];
    expect(await judgeChain(good, { chain: [first!], intermediates })).toMatchObject({ ok: true });
    expect(await judgeChain(good, { chain: [first!], intermediates: [second!] })).toMatchObject({
      reason: 'untrusted-root',
    });
  });

  it('ends at an anchor of the same name and key, whatever certificate of it was sent or configured', async () => {
    const renewed = await makeChain([{ ...root, serial: 999, notAfter: now + 9000 * DAY }]);
    const anchors = [makeAnchor(renewed.certificates[0]!, { id: 'RENEWED' })];
    expect(await judgeChain(good, { anchors })).toMatchObject({ ok: true, anchor: { id: 'RENEWED' } });
  });

  it('may be a leaf that is itself the anchor, under strict only', async () => {
    const chain = [good.certificates[0]!];
    const anchors = [makeAnchor(chain[0]!)];
    expect(await judgeChain(good, { chain, anchors })).toMatchObject({ ok: true });
    expect(await judgeChain(good, { chain, anchors, profile: apple })).toMatchObject({ reason: 'untrusted-root' });
  });

  it('is not spoilt by intermediates that issue each other', async () => {
    const a = await makeChain([
      { key: upperKey, subject: der.commonName('A'), issuer: der.commonName('B'), signer: lowerKey },
    ]);
    const b = await makeChain([
      { key: lowerKey, subject: der.commonName('B'), issuer: der.commonName('A'), signer: upperKey },
    ]);
    const intermediates = [...a.certificates, ...b.certificates];
    expect(await judgeChain(good, { chain: a.certificates, intermediates })).toMatchObject({
      reason: 'untrusted-root',
    });
  });
});

describe('a path is refused', () => {
  it('with no certificate, or more than ten', async () => {
    expect(await judgeChain(good, { chain: [] })).toMatchObject({ reason: 'malformed' });
    const chain = Array.from({ length: MAX_CHAIN + 1 }, () => good.certificates[0]!);
    expect(await judgeChain(good, { chain })).toMatchObject({ reason: 'malformed', rule: 'path.length' });
  });

  it('when no anchor is configured', async () => {
    expect(await judgeChain(good, { anchors: [] })).toMatchObject({ reason: 'untrusted-root', rule: 'path.anchors' });
  });

  it('when it ends at another root, also one of the same name', async () => {
    const fake = await makeChain([{ ...root, key: leafKey }]);
    const anchors = [makeAnchor(fake.certificates[0]!)];
    expect(await judgeChain(good, { anchors })).toMatchObject({ reason: 'untrusted-root', rule: 'path.anchor' });
  });

  it('when certificates are out of order, foreign, or repeated', async () => {
    const [a, b, c, d] = good.certificates;
    expect(await judgeChain(good, { chain: [a!, c!, b!, d!] })).toMatchObject({ rule: 'path.names', certificate: 0 });
    expect(await judgeChain(good, { chain: [a!, b!, c!, d!, a!] })).toMatchObject({ rule: 'path.names' });
    const self = d!;
    expect(await judgeChain(good, { chain: [a!, b!, c!, self, self] })).toMatchObject({ rule: 'path.repeated' });
  });

  const failures: readonly [string, readonly Link[], object][] = [
    [
      'a signature by another key',
      [root, upper, { ...lower, signer: leafKey }, leaf],
      { rule: 'path.signature', reason: 'chain-invalid', certificate: 1 },
    ],
    [
      'a SHA-1 signature',
      [root, upper, lower, { ...leaf, hash: 'SHA-1' }],
      { reason: 'signature-algorithm', certificate: 0 },
    ],
    [
      'an expired leaf',
      [root, upper, lower, { ...leaf, notAfter: now - 1000 }],
      { reason: 'chain-expired', certificate: 0 },
    ],
    [
      'an expired intermediate',
      [root, upper, { ...lower, notAfter: now - 1000 }, leaf],
      { reason: 'chain-expired', certificate: 1 },
    ],
    [
      'a leaf of tomorrow',
      [root, upper, lower, { ...leaf, notBefore: now + 1000 }],
      { reason: 'chain-expired', certificate: 0 },
    ],
    [
      'an expired anchor',
      [{ ...root, notAfter: now - 1000 }, upper, lower, leaf],
      { reason: 'chain-expired', certificate: 3 },
    ],
    [
      'an intermediate that is no CA',
      [root, upper, { ...lower, extensions: [ca.basicConstraints(false), ca.keyUsage(0x04)] }, leaf],
      { rule: 'path.ca', certificate: 1 },
    ],
    [
      'an intermediate without basicConstraints',
      [root, upper, { ...lower, extensions: [ca.keyUsage(0x04)] }, leaf],
      { rule: 'path.ca', certificate: 1 },
    ],
    [
      'an upper intermediate that is no CA',
      [root, { ...upper, extensions: [ca.keyUsage(0x04)] }, lower, leaf],
      { rule: 'path.ca', certificate: 2 },
    ],
    [
      'an anchor that says it is no CA',
      [{ ...root, extensions: [ca.basicConstraints(false)] }, upper, lower, leaf],
      { rule: 'path.ca', certificate: 3 },
    ],
    [
      'an intermediate of version 1',
      [root, upper, { ...lower, version: 0, extensions: [] }, leaf],
      { rule: 'path.ca', certificate: 1 },
    ],
    [
      'an issuer without keyCertSign',
      [root, upper, { ...lower, extensions: [ca.basicConstraints(true), ca.keyUsage(0x80)] }, leaf],
      { rule: 'path.key-usage', certificate: 1 },
    ],
    [
      'more intermediates than a pathLen allows',
      [root, { ...upper, extensions: [ca.basicConstraints(true, 0), ca.keyUsage(0x04)] }, lower, leaf],
      { rule: 'path.pathlen', certificate: 2 },
    ],
    [
      "more intermediates than the anchor's pathLen allows",
      [{ ...root, extensions: [ca.basicConstraints(true, 1)] }, upper, lower, leaf],
      { rule: 'path.pathlen', certificate: 3 },
    ],
    [
      'an unknown critical extension in the leaf',
      [root, upper, lower, { ...leaf, extensions: [ca.extension('1.2.3.4', true, der.nul())] }],
      { rule: 'path.critical', certificate: 0 },
    ],
    [
      'an unknown critical extension in an issuer',
      [root, { ...upper, extensions: [...upper.extensions!, ca.extension('1.2.3.4', true, der.nul())] }, lower, leaf],
      { rule: 'path.critical', certificate: 2 },
    ],
    [
      'critical policy constraints',
      [
        root,
        {
          ...upper,
          extensions: [
            ...upper.extensions!,
            ca.extension('2.5.29.36', true, der.seq(der.context(0, new Uint8Array([0]), false))),
          ],
        },
        lower,
        leaf,
      ],
      { rule: 'path.critical', certificate: 2 },
    ],
    [
      'name constraints, critical or not',
      [
        root,
        { ...upper, extensions: [...upper.extensions!, ca.extension('2.5.29.30', false, der.seq())] },
        lower,
        leaf,
      ],
      { rule: 'path.name-constraints', certificate: 2 },
    ],
    [
      'key identifiers that disagree',
      [root, upper, lower, { ...leaf, extensions: [ca.authorityKeyId(id(9))] }],
      { rule: 'path.key-id', certificate: 0 },
    ],
  ];

  it.each(failures)('with %s', async (_, links, expected) => {
    expect(await judge(links)).toMatchObject({ ok: false, reason: 'chain-invalid', ...expected });
  });

  it.each(['RSA-1024', 'RSA-3'] as const)('with a weak key of kind %s, in leaf, issuer or anchor', async (kind) => {
    const key = await ca.makeKey(kind);
    const weak = { reason: 'weak-key', rule: 'path.weak-key' };
    expect(await judge([root, upper, lower, { ...leaf, key }])).toMatchObject({ ...weak, certificate: 0 });
    expect(await judge([root, upper, { ...lower, key }, leaf])).toMatchObject({ ...weak, certificate: 1 });
    expect(await judge([{ ...root, key }, upper, lower, leaf])).toMatchObject({ ...weak, certificate: 3 });
  });

  it('with a key on a curve outside the set', async () => {
    const k1 = der.seq(
      der.seq(der.oid('1.2.840.10045.2.1'), der.oid('1.3.132.0.10')),
      der.bits(new Uint8Array(65).fill(4)),
    );
    expect(await judge([root, upper, lower, { ...leaf, spki: k1 }])).toMatchObject({ reason: 'weak-key' });
  });

  it('by SHA-1 also where the anchor was omitted', async () => {
    const chain = await makeChain([root, { ...leaf, hash: 'SHA-1', extensions: [ca.basicConstraints(false)] }]);
    const result = await judgeChain(chain, { chain: chain.certificates.slice(0, 1) });
    expect(result).toMatchObject({ reason: 'signature-algorithm' });
  });
});

it('an intermediate issued to its own name does not count against pathLen', async () => {
  const subject = der.commonName('TEST same');
  const links = [root, { ...upper, subject, extensions: [ca.basicConstraints(true, 0)] }, { ...lower, subject }, leaf];
  expect(await judge(links)).toMatchObject({ ok: true });
});

describe('the android profile', () => {
  const description = ca.extension(KEY_DESCRIPTION, false, der.seq());
  const name = (serial: string, title: string) => der.name(['2.5.4.5', serial], ['2.5.4.12', title]);
  const droid = (text: string) => der.name(['2.5.4.10', 'TEST'], ['2.5.4.3', text]);
  const top: Link = { key: rootKey, extensions: [ca.basicConstraints(true)] };
  const factory: Link = { key: upperKey, subject: name('01', 'TEE'), extensions: [ca.basicConstraints(true)] };
  const batch: Link = { key: lowerKey, subject: name('02', 'TEE'), extensions: [ca.basicConstraints(true)] };
  const target: Link = { key: leafKey, extensions: [ca.keyUsage(0x80), description] };
  const intermediate: Link = { key: upperKey, subject: droid('CA2'), extensions: [ca.basicConstraints(true)] };
  const server: Link = { key: lowerKey, subject: droid('CA3'), extensions: [ca.basicConstraints(true)] };
  const info = ca.extension(PROVISIONING_INFO, false, der.nul());
  const attestation: Link = { key: keys[4]!, subject: droid('device'), extensions: [ca.basicConstraints(true), info] };
  const factoryLinks = [top, factory, batch, target];
  const remoteLinks = [top, intermediate, server, attestation, target];
  const profile: Profile = android;
  const past = { notBefore: now - 900 * DAY, notAfter: now - 100 * DAY };

  it('accepts factory and remote chains, with and without the root', async () => {
    for (const links of [factoryLinks, remoteLinks]) {
      const chain = await makeChain(links);
      expect(await judgeChain(chain, { profile })).toMatchObject({ ok: true });
      expect(await judgeChain(chain, { profile, chain: chain.certificates.slice(0, -1) })).toMatchObject({ ok: true });
    }
  });

  it('lets a factory chain be expired, its anchor too, and any leaf', async () => {
    const links = factoryLinks.map((link) => ({ ...link, ...past }));
    expect(await judge(links, { profile })).toMatchObject({ ok: true });
    expect(await judge([top, intermediate, server, attestation, { ...target, ...past }], { profile })).toMatchObject({
      ok: true,
    });
  });

  it('leaves the dates of the root to the trust store', async () => {
    const links = remoteLinks.map((link, i) => (i === 0 ? { ...link, ...past } : link));
    expect(await judge(links, { profile })).toMatchObject({ ok: true });
  });

  it.each([1, 2, 3])('refuses a remote chain whose certificate %i below the root is expired', async (at) => {
    const links = remoteLinks.map((link, i) => (i === at ? { ...link, ...past } : link));
    expect(await judge(links, { profile })).toMatchObject({ reason: 'chain-expired', certificate: 4 - at });
  });

  it('accepts the factory attestation certificate that is no CA, and no other', async () => {
    const noCa = (link: Link): Link => ({ ...link, extensions: [ca.basicConstraints(false), ca.keyUsage(0x80)] });
    expect(await judge([top, factory, noCa(batch), target], { profile })).toMatchObject({ ok: true });
    expect(await judge([top, noCa(factory), batch, target], { profile })).toMatchObject({ rule: 'path.ca' });
    for (const at of [1, 2, 3]) {
      const links = remoteLinks.map((link, i) => (i === at ? noCa(link) : link));
      expect(await judge(links, { profile })).toMatchObject({ rule: 'path.ca', certificate: 4 - at });
    }
  });

  it('refuses a chain that an attested leaf extended', async () => {
    const forged: Link = { extensions: [description] };
    for (const links of [factoryLinks, remoteLinks]) {
      const result = await judge([...links, forged], { profile });
      expect(result).toMatchObject({ ok: false, reason: 'chain-invalid' });
    }
    // Short enough to fit the grammar: only the second KeyDescription gives it away.
    const fitting = await judge(
      [top, factory, { ...batch, extensions: [description, ca.basicConstraints(true)] }, target],
      { profile },
    );
    expect(fitting).toMatchObject({ rule: 'android.chain-extended', certificate: 1 });
  });

  it('refuses a KeyDescription that is only above the leaf, or also in a certificate after the anchor', async () => {
    const above = [top, factory, { ...batch, extensions: [description, ca.basicConstraints(true)] }, leaf];
    expect(await judge(above, { profile })).toMatchObject({ rule: 'android.key-description' });
    const crowned = [{ ...top, extensions: [...top.extensions!, description] }, factory, batch, target];
    expect(await judge(crowned, { profile })).toMatchObject({ rule: 'android.chain-extended', certificate: 3 });
  });

  it('refuses what follows neither grammar', async () => {
    const grammar = { rule: 'android.grammar' };
    expect(await judge([top, target], { profile })).toMatchObject(grammar);
    expect(await judge([top, batch, target], { profile })).toMatchObject(grammar);
    expect(await judge([top, batch, target], { profile }, { class: 'software' })).toMatchObject({ ok: true });
    expect(await judge([top, intermediate, batch, target], { profile })).toMatchObject(grammar);
    expect(await judge([top, { ...factory, subject: name('01', 'Phone') }, batch, target], { profile })).toMatchObject(
      grammar,
    );
    expect(
      await judge([top, factory, { ...batch, extensions: [ca.basicConstraints(true), info] }, target], { profile }),
    ).toMatchObject(grammar);
  });
});

describe('the apple profile', () => {
  it('wants a leaf that is marked as no CA', async () => {
    const profile = apple;
    expect(await judge([root, upper, lower, leaf], { profile })).toMatchObject({ ok: true });
    for (const extensions of [[], [ca.basicConstraints(true)]]) {
      expect(await judge([root, upper, lower, { ...leaf, extensions }], { profile })).toMatchObject({
        rule: 'apple.leaf',
      });
    }
  });
});

const tpmName = (...types: readonly string[]) =>
  ca.extension(
    '2.5.29.17',
    true,
    der.seq(der.context(4, der.name(...types.map((type) => [type, 'id:00001014'] as const)))),
  );
const TPM = ['2.23.133.2.1', '2.23.133.2.2', '2.23.133.2.3'] as const;

describe('the aik profile', () => {
  const parts = { san: tpmName(...TPM), purpose: ca.extendedKeyUsage('2.23.133.8.3'), ca: ca.basicConstraints(false) };
  const make = (change: Partial<Record<keyof typeof parts, Uint8Array>>, link: Link = {}) => {
    const extensions = Object.values({ ...parts, ...change }).filter((one) => one.length > 0);
    return judge([root, upper, { subject: der.seq(), extensions, ...link }], { profile: aik });
  };
  const none = new Uint8Array();

  it('accepts a certificate as the specification describes it', async () => {
    expect(await make({})).toMatchObject({ ok: true });
  });

  it.each<[string, Parameters<typeof make>, string]>([
    ['a subject', [{}, { subject: der.commonName('TEST') }], 'aik.subject'],
    ['no alternative name', [{ san: none }], 'aik.san'],
    ['an alternative name that lacks the model', [{ san: tpmName(TPM[0], TPM[2]) }], 'aik.san'],
    ['a manufacturer twice', [{ san: tpmName(...TPM, TPM[0]) }], 'aik.san'],
    ['another purpose', [{ purpose: ca.extendedKeyUsage('2.23.133.8.1') }], 'aik.purpose'],
    ['no purpose', [{ purpose: none }], 'aik.purpose'],
    ['no basicConstraints', [{ ca: none }], 'aik.ca'],
    ['a CA', [{ ca: ca.basicConstraints(true) }], 'aik.ca'],
  ])('refuses one with %s', async (_, change, rule) => {
    expect(await make(...change)).toMatchObject({ reason: 'chain-invalid', rule, certificate: 0 });
  });
});

describe('the ek profile', () => {
  const parts = {
    san: tpmName(...TPM),
    purpose: ca.extendedKeyUsage('2.23.133.8.1'),
    ca: ca.basicConstraints(false),
    usage: ca.keyUsage(0x08),
    aki: ca.authorityKeyId(id(2)),
  };
  const none = new Uint8Array();
  const make = (
    change: Partial<Record<keyof typeof parts, Uint8Array>>,
    link: Link = {},
    anchor: Partial<Anchor> = {},
  ) => {
    const extensions = Object.values({ ...parts, ...change }).filter((one) => one.length > 0);
    return judge([root, upper, { subject: der.seq(), extensions, ...link }], { profile: ek }, anchor);
  };

  it('accepts ECC and RSA endorsement keys, also without key purposes', async () => {
    expect(await make({})).toMatchObject({ ok: true });
    expect(await make({ purpose: none })).toMatchObject({ ok: true });
    const rsa = await ca.makeKey('RSA-2048');
    expect(await make({ usage: ca.keyUsage(0x20) }, { key: rsa })).toMatchObject({ ok: true });
  });

  it('accepts a key whose algorithm is id-RSAES-OAEP', async () => {
    const { spki } = await ca.makeKey('RSA-2048');
    const bits = spki.subarray(spki.length - 275);
    const oaep = der.seq(der.seq(der.oid('1.2.840.113549.1.1.7'), der.seq()), bits);
    expect(await make({ usage: ca.keyUsage(0x20) }, { spki: oaep })).toMatchObject({ ok: true });
  });

  it('lets only virtual TPMs omit the attributes of a TPM', async () => {
    const link = { subject: der.commonName('TEST') };
    expect(await make({ san: none }, link)).toMatchObject({ rule: 'ek.san' });
    expect(await make({ san: none }, link, { class: 'virtual-tpm' })).toMatchObject({ ok: true });
  });

  it.each<[string, Parameters<typeof make>, string]>([
    ['a serial of zero', [{}, { serial: 0 }], 'ek.serial'],
    ['basicConstraints that are not critical', [{ ca: ca.basicConstraints(false, undefined, false) }], 'ek.ca'],
    ['no basicConstraints', [{ ca: none }], 'ek.ca'],
    ['key usage of the other kind of key', [{ usage: ca.keyUsage(0x20) }], 'ek.key-usage'],
    ['key usage that is not critical', [{ usage: ca.keyUsage(0x08, false) }], 'ek.key-usage'],
    ['no authority key identifier', [{ aki: none }], 'ek.aki'],
    ['another purpose', [{ purpose: ca.extendedKeyUsage('2.23.133.8.3') }], 'ek.purpose'],
  ])('refuses one with %s', async (_, change, rule) => {
    expect(await make(...change)).toMatchObject({ reason: 'chain-invalid', rule, certificate: 0 });
  });
});
