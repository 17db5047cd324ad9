import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { androidKeystore } from '../../src/attestation/formats/android-keystore.ts';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import type { AndroidStatusList } from '../../src/attestation/trust/store.ts';
import type { Reason } from '../../src/attestation/verdict.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import {
  applicationId,
  DIGEST,
  type Description,
  type Fields,
  hardwareFields,
  rootOfTrust,
  softwareFields,
  without,
} from './support/android.ts';
import { factory, fields, freshList, leaf, remote, trust } from './support/android-chain.ts';
import * as ca from './support/ca.ts';
import { type Chain, type Link, makeAnchor, makeChain } from './support/chain.ts';
import * as der from './support/der.ts';
import { judgeFormat } from './support/judge.ts';
import { mutation } from './support/mutate.ts';

const transcript = new Uint8Array(32).fill(9);
const application = { package: 'org.example.calls', digests: ['ab'.repeat(32)] };
const policy: Policy = { ...policies.standard, android: { ...policies.standard.android, applications: [application] } };
const DAY = 86_400_000;

interface Change {
  readonly policy?: Policy;
  readonly status?: AndroidStatusList | null;
  readonly transcript?: Uint8Array;
  readonly identityKey?: Uint8Array;
  readonly now?: number;
}

function judgeChain(chain: Chain, change: Change = {}) {
  const { now = ca.TEST_NOW, identityKey = chain.certificates[0]!.spki } = change;
  const expected = { transcript: change.transcript ?? transcript, identityKey, now };
  const store = trust(change.status === undefined ? freshList() : change.status);
  return judgeFormat(androidKeystore, {
    fields: fields(chain),
    expected,
    trust: store,
    policy: change.policy ?? policy,
  });
}

const phone = async (description: Description = {}, change: Change = {}) =>
  judgeChain(await makeChain(remote(leaf(description))), change);
const hardware = (change: Fields): Description => ({ hardware: { ...hardwareFields, ...change } });
const withAndroid = (change: Partial<Policy['android']>): Change => ({
  policy: { ...policy, android: { ...policy.android, ...change } },
});

const good = await makeChain(remote(leaf({})));
const stranger = await ca.makeKey();

describe('a Keystore key is accepted', () => {
  it('from a remotely provisioned phone, with what the hardware says about it', async () => {
    const judged = await judgeChain(good);
    expect(judged.reason).toBe('accept');
    expect(judged.finding).toMatchObject({
      identityBinding: 'key-attested',
      assurance: {
        attestedKeyHardware: 'tee',
        identityKeyHardware: 'tee',
        freshness: 'challenge',
        trustAnchor: 'TEST-ANCHOR',
        bootState: 'verified',
        patchLevel: 202_512,
      },
    });
    expect(judged.finding?.attestedKey).toEqual(good.certificates[0]!.spki);
    expect(judged.steps.facts).toMatchObject({
      android: { provisioning: 'remote', certificatesIssued: 12, packages: ['org.example.calls'] },
      chain: [{ serial: '1' }, { serial: 'abcd' }, {}, {}],
    });
    expect(judged.steps.checks.every((check) => check.outcome === 'pass')).toBe(true);
  });

  it('from a factory-provisioned one, also years after its certificates ended', async () => {
    const chain = await makeChain(factory(leaf({})));
    expect((await judgeChain(chain)).reason).toBe('accept');
    const later = ca.TEST_NOW + 3000 * DAY;
    const change = { now: later, status: { ...freshList(), fetchedAt: later } };
    expect((await judgeChain(chain, change)).reason).toBe('accept');
  });

  it('from StrongBox, when the issuer speaks for StrongBox', async () => {
    const judged = await judgeChain(await makeChain(remote(leaf({ level: 2 }), 'StrongBox')));
    expect(judged.finding?.assurance.attestedKeyHardware).toBe('strongbox');
    expect((await judgeChain(await makeChain(factory(leaf({ level: 2 }), 'StrongBox')))).reason).toBe('accept');
  });

  it('with fields that this version does not know, which are recorded', async () => {
    const judged = await phone(hardware({ 950: der.nul() }));
    expect(judged.reason).toBe('accept');
    expect(judged.steps.facts).toMatchObject({ android: { unknownTags: [950] } });
  });
});

describe('a Keystore key is refused', () => {
  const cases: readonly [string, Description, Change, Reason, string][] = [
    [
      'the transcript of another request',
      {},
      { transcript: new Uint8Array(32).fill(8) },
      'challenge-mismatch',
      'android.challenge',
    ],
    [
      'a challenge that only begins with the transcript',
      { challenge: new Uint8Array(33).fill(9) },
      {},
      'challenge-mismatch',
      'android.challenge',
    ],
    ['another identity key than the attested one', {}, { identityKey: stranger.spki }, 'key-mismatch', 'android.key'],
    ['a record made in software', { level: 0 }, {}, 'software-key', 'android.hardware'],
    ['a key in software', { keyLevel: 0 }, {}, 'software-key', 'android.hardware'],
    ['a key in StrongBox whose record was made elsewhere', { keyLevel: 2 }, {}, 'attributes', 'android.levels-agree'],
    ['StrongBox by an issuer of the TEE', { level: 2 }, {}, 'attributes', 'android.level-of-issuer'],
    [
      'the TEE where policy asks StrongBox',
      {},
      withAndroid({ minimumSecurityLevel: 'strongbox' }),
      'assurance',
      'android.minimum-level',
    ],
    ['an imported key', hardware({ 702: der.int(2) }), {}, 'attributes', 'android.origin'],
    [
      'an origin that only software states',
      { hardware: without(hardwareFields, 702), software: { ...softwareFields, 702: der.int(0) } },
      {},
      'attributes',
      'android.origin',
    ],
    [
      'a key that may attest others',
      hardware({ 1: der.setOf(der.int(2), der.int(7)) }),
      {},
      'attributes',
      'android.purpose',
    ],
    ['a key that may not sign', hardware({ 1: der.setOf(der.int(3)) }), {}, 'attributes', 'android.purpose'],
    [
      'a purpose that only software states',
      { hardware: without(hardwareFields, 1), software: { ...softwareFields, 1: der.setOf(der.int(2)) } },
      {},
      'attributes',
      'android.purpose',
    ],
    ['a key of all applications', hardware({ 600: der.nul() }), {}, 'attributes', 'android.all-applications'],
    [
      'a key of all applications by the software list',
      { software: { ...softwareFields, 600: der.nul() } },
      {},
      'attributes',
      'android.all-applications',
    ],
    ['no root of trust', { hardware: without(hardwareFields, 704) }, {}, 'boot-state', 'android.root-of-trust'],
    [
      'a root of trust that only software states',
      { hardware: without(hardwareFields, 704), software: { ...softwareFields, 704: rootOfTrust() } },
      {},
      'boot-state',
      'android.root-of-trust',
    ],
    [
      'an unlocked bootloader',
      hardware({ 704: rootOfTrust({ locked: der.bool(false) }) }),
      {},
      'boot-state',
      'android.device-locked',
    ],
    ['a self-signed system', hardware({ 704: rootOfTrust({ state: 1 }) }), {}, 'boot-state', 'android.boot-state'],
    ['an unverified system', hardware({ 704: rootOfTrust({ state: 2 }) }), {}, 'boot-state', 'android.boot-state'],
    ['a failed boot', hardware({ 704: rootOfTrust({ state: 3 }) }), {}, 'boot-state', 'android.boot-state'],
    [
      'a patch level below the floor',
      {},
      withAndroid({ minimumPatchLevel: 202_601 }),
      'patch-level',
      'android.patch-level',
    ],
    [
      'no patch level where policy asks one',
      { hardware: without(hardwareFields, 706) },
      {},
      'patch-level',
      'android.patch-level',
    ],
    [
      'a patch level that only software states',
      { hardware: without(hardwareFields, 706), software: { ...softwareFields, 706: der.int(202_512) } },
      {},
      'patch-level',
      'android.patch-level',
    ],
    [
      'another application',
      { software: { ...softwareFields, 709: applicationId('org.example.other') } },
      {},
      'application',
      'android.application',
    ],
    [
      'the application signed by somebody else',
      { software: { ...softwareFields, 709: applicationId('org.example.calls', new Uint8Array(32)) } },
      {},
      'application',
      'android.application-digest',
    ],
    ['no application', { software: without(softwareFields, 709) }, {}, 'application', 'android.application'],
    [
      'a record that is malformed',
      hardware({ 704: rootOfTrust({ locked: new Uint8Array([1, 1, 1]) }) }),
      {},
      'malformed',
      'android.key-description',
    ],
    [
      'a policy that names no application',
      {},
      { policy: { ...policy, android: { ...policy.android, applications: [] } } },
      'application',
      'android.application',
    ],
    ['no status list', {}, { status: null }, 'status-list-stale', 'android.status-list-fresh'],
    [
      'a stale status list',
      {},
      { status: { ...freshList(), fetchedAt: ca.TEST_NOW - 4 * DAY } },
      'status-list-stale',
      'android.status-list-fresh',
    ],
    [
      'a revoked serial, written with leading zeros by the certificate',
      {},
      { status: freshList(new Map([['abcd', { status: 'REVOKED', reason: 'KEY_COMPROMISE' }]])) },
      'revoked-by-list',
      'android.status',
    ],
    [
      'a suspended serial',
      {},
      { status: freshList(new Map([['abcd', { status: 'SUSPENDED', reason: 'SOFTWARE_FLAW' }]])) },
      'suspended-by-list',
      'android.status',
    ],
  ];

  it.each(cases)('with %s', async (_, description, change, reason, check) => {
    expect(await phone(description, change)).toMatchObject({ reason, check });
  });

  it('a listed serial also under a policy that goes on without a fresh list', async () => {
    const { policy: open } = withAndroid({ statusList: 'fail-open' });
    const stale = { fetchedAt: 0, entries: new Map([['abcd', { status: 'REVOKED' as const, reason: 'x' }]]) };
    expect((await phone({}, { policy: open!, status: null })).reason).toBe('accept');
    expect((await phone({}, { policy: open!, status: stale })).reason).toBe('revoked-by-list');
  });

  it('an application of two packages, or of a known and an unknown signer', async () => {
    const info = (name: string) => der.seq(der.octets(new TextEncoder().encode(name)), der.int(1));
    const two = der.octets(
      der.seq(der.setOf(info('org.example.calls'), info('org.example.evil')), der.setOf(der.octets(DIGEST))),
    );
    const signers = der.octets(
      der.seq(der.setOf(info('org.example.calls')), der.setOf(der.octets(DIGEST), der.octets(new Uint8Array(32)))),
    );
    expect(await phone({ software: { ...softwareFields, 709: two } })).toMatchObject({ check: 'android.application' });
    expect(await phone({ software: { ...softwareFields, 709: signers } })).toMatchObject({
      check: 'android.application-digest',
    });
  });

  it('a chain that an attested key extended with a record of its own', async () => {
    for (const make of [factory, remote]) {
      const victim = leaf({});
      const forged: Link = leaf({ challenge: transcript }, { key: await ca.makeKey() });
      const judged = await judgeChain(await makeChain([...make(victim), forged]));
      expect(judged).toMatchObject({ reason: 'chain-invalid', check: 'path.android' });
    }
  });

  it('a remote chain whose batch certificate is expired', async () => {
    const links = remote(leaf({})).map((link, i) => (i === 3 ? { ...link, notAfter: ca.TEST_NOW - 1 } : link));
    expect(await judgeChain(await makeChain(links))).toMatchObject({ reason: 'chain-expired' });
  });

  it('a chain to another root, and one to a root of software or of tests by that name', async () => {
    const own = await makeChain(remote(leaf({})).map((link, i) => (i === 0 ? { ...link, key: undefined! } : link)));
    expect((await judgeChain(own)).reason).toBe('untrusted-root');
    for (const [anchorClass, reason] of [
      ['software', 'software-key'],
      ['test', 'test-root'],
    ] as const) {
      const anchors = [makeAnchor(good.certificates.at(-1)!, { class: anchorClass })];
      const expected = { transcript, identityKey: good.certificates[0]!.spki, now: ca.TEST_NOW };
      const store = { ...trust(), anchors };
      const judged = await judgeFormat(androidKeystore, { fields: fields(good), expected, trust: store, policy });
      expect(judged).toMatchObject({ reason, check: 'trust.anchor-class' });
    }
  });

  it('a weak attested key', async () => {
    const weak = await makeChain(remote(leaf({}, { key: await ca.makeKey('RSA-1024') })));
    expect(await judgeChain(weak)).toMatchObject({ reason: 'weak-key' });
  });

  it('a rule of posture is only recorded where policy monitors it', async () => {
    const monitoring = { ...policy, monitor: ['boot-state' as const] };
    const judged = await phone(hardware({ 704: rootOfTrust({ state: 2 }) }), { policy: monitoring });
    expect(judged.reason).toBe('accept');
    expect(judged.steps.checks).toContainEqual(
      expect.objectContaining({ id: 'android.boot-state', outcome: 'monitored' }),
    );
  });
});

describe('evidence of the format', () => {
  it.each<[string, unknown]>([
    ['no chain', undefined],
    ['an empty chain', []],
    ['a chain that is no list', 'AAAA'],
    ['certificates that are no text', [1]],
    ['padded base64', ['AA==']],
    ['something that is no certificate', [base64url(new Uint8Array([0x30, 0]))]],
    ['eleven certificates', Array.from({ length: 11 }, () => base64url(good.ders[0]!))],
    ['a certificate with a byte after it', [base64url(new Uint8Array([...good.ders[0]!, 0]))]],
  ])('is malformed with %s', (_, certificateChain) => {
    expect(androidKeystore.read({ format: 'android-keystore', certificateChain })).toBeNull();
  });

  it('no mutation of a certificate throws or is accepted', async () => {
    const at = fc.nat({ max: good.ders.length - 2 });
    const mutated = at.chain((index) => mutation(good.ders[index]!).map((bytes) => ({ index, bytes })));
    await fc.assert(
      fc.asyncProperty(mutated, async ({ index, bytes }) => {
        const certificateChain = good.ders.map((original, i) => base64url(i === index ? bytes : original));
        const expected = { transcript, identityKey: good.certificates[0]!.spki, now: ca.TEST_NOW };
        const whole = { fields: { format: 'android-keystore', certificateChain }, expected, trust: trust(), policy };
        const judged = await judgeFormat(androidKeystore, whole);
        const same = Buffer.from(bytes).equals(Buffer.from(good.ders[index]!));
        expect(judged.reason === 'accept').toBe(same);
      }),
      { numRuns: 1500 },
    );
  });
});
