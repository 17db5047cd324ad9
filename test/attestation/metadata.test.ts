import { describe, expect, it } from 'vitest';
import { policies } from '../../src/attestation/policy/shipped.ts';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { builtInTrust } from '../../src/attestation/trust/load.ts';
import { readMetadata } from '../../src/attestation/trust/metadata.ts';
import type { MetadataList, TrustStore } from '../../src/attestation/trust/store.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import * as device from './support/authenticator.ts';
import * as ca from './support/ca.ts';
import { makeAnchor, makeChain } from './support/chain.ts';
import * as der from './support/der.ts';

const now = ca.TEST_NOW;
const signer = await ca.makeKey();
const issuer = { extensions: [ca.basicConstraints(true), ca.keyUsage(0x04)] };
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

async function signingChain(name = 'mds.fidoalliance.org', notAfter = now + 1e9) {
  return makeChain([
    issuer,
    { key: signer, subject: der.commonName(name), extensions: [ca.basicConstraints(false)], notAfter },
  ]);
}

const chain = await signingChain();
const trust: TrustStore = {
  ...device.trust,
  anchors: [
    ...device.trust.anchors,
    makeAnchor(chain.certificates[1]!, { id: 'TEST-MDS', class: 'metadata', formats: [] }),
  ],
};

const entry = (change: object = {}) => ({
  aaguid: device.AAGUID,
  statusReports: [{ status: 'FIDO_CERTIFIED_L1', effectiveDate: '2020-01-01' }],
  timeOfLastStatusChange: '2020-01-01',
  metadataStatement: {
    description: 'TEST key',
    attestationRootCertificates: [base64(device.anchor.certificate.der)],
    keyProtection: ['hardware', 'secure_element'],
    attestationTypes: ['basic_full'],
  },
  ...change,
});

interface Blob {
  readonly entries?: readonly object[];
  readonly no?: number;
  readonly header?: object;
  readonly payload?: unknown;
  readonly certificates?: readonly Uint8Array[];
  readonly key?: ca.TestKey;
}

async function blob({ entries = [entry()], no = 7, header = {}, payload, certificates, key = signer }: Blob = {}) {
  const x5c = (certificates ?? chain.ders.slice(0, 1)).map(base64);
  const text = (value: unknown) => base64url(utf8(JSON.stringify(value)));
  const signed = `${text({ alg: 'ES256', typ: 'JWT', x5c, ...header })}.${text(payload ?? { no, nextUpdate: '2026-02-01', entries })}`;
  const raw = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key.privateKey, utf8(signed));
  return `${signed}.${base64url(new Uint8Array(raw))}`;
}

const read = async (change: Blob = {}, previousNo: number | null = null, store = trust) =>
  readMetadata({ blob: await blob(change), trust: store, now, fetchedAt: now, previousNo });

async function list(entries: readonly object[]): Promise<MetadataList> {
  const result = await read({ entries });
  if (!result.ok) throw new Error(result.detail);
  return result.list;
}

describe('the metadata BLOB', () => {
  it('is read when path, signer, signature and form hold', async () => {
    const result = await read();
    expect(result).toMatchObject({ ok: true, anchor: 'TEST-MDS', list: { no: 7, fetchedAt: now } });
    const found = result.ok ? result.list.entries.get(device.AAGUID) : undefined;
    expect(found).toMatchObject({ description: 'TEST key', roots: [{ shared: false }] });
  });

  it('may not go back', async () => {
    expect(await read({ no: 7 }, 7)).toMatchObject({ ok: true });
    expect(await read({ no: 6 }, 7)).toMatchObject({ ok: false, reason: 'rollback' });
  });

  it('is refused under a signer of another name, another key, or out of time', async () => {
    const other = await signingChain('mds.fidoalliance.org.evil');
    const at = (root: typeof chain) => ({
      ...trust,
      anchors: [makeAnchor(root.certificates[1]!, { class: 'metadata', formats: [] })],
    });
    expect(await read({ certificates: other.ders.slice(0, 1) }, null, at(other))).toMatchObject({
      reason: 'chain-invalid',
    });
    const old = await signingChain(undefined, now - 1);
    expect(await read({ certificates: old.ders.slice(0, 1) }, null, at(old))).toMatchObject({
      reason: 'chain-expired',
    });
    expect(await read({ key: await ca.makeKey() })).toMatchObject({ reason: 'signature-invalid' });
  });

  it('is refused under a root that signs evidence, a test root, or none', async () => {
    const [leaf] = await device.attestationChain({ key: signer, subject: der.commonName('mds.fidoalliance.org') });
    expect(await read({ certificates: [leaf!] })).toMatchObject({ reason: 'untrusted-root' });
    const test = { ...trust, anchors: trust.anchors.map((anchor) => ({ ...anchor, class: 'test' as const })) };
    expect(await read({}, null, test)).toMatchObject({ reason: 'test-root' });
    expect(await read({}, null, { ...trust, anchors: [] })).toMatchObject({ reason: 'untrusted-root' });
    const receipts = trust.anchors.map((anchor) => ({ ...anchor, formats: ['app-attest' as const] }));
    expect(await read({}, null, { ...trust, anchors: receipts })).toMatchObject({ reason: 'untrusted-root' });
  });

  it.each([
    ['an algorithm that is not in use', { header: { alg: 'none' } }],
    ['another algorithm that is not in use', { header: { alg: 'HS256' } }],
    ['critical header members', { header: { crit: ['b64'], b64: false } }],
    ['no chain', { header: { x5c: [] } }],
    ['a chain that is no base64', { header: { x5c: ['-_'] } }],
    ['a payload of another form', { payload: { no: '7', entries: [] } }],
    ['an entry of another form', { entries: [{ aaguid: 7 }] }],
    ['a root that is no base64', { entries: [entry({ metadataStatement: { attestationRootCertificates: ['?'] } })] }],
    ['the same authenticator twice', { entries: [entry(), entry()] }],
  ])('is malformed with %s', async (_, change: Blob) => {
    expect(await read(change)).toMatchObject({ ok: false, reason: 'malformed' });
  });

  it('is malformed when it is no JWS', async () => {
    const whole = await blob();
    for (const text of ['', 'a.b', `${whole}.`, whole.replace('.', '!.'), `${whole}=`]) {
      const result = await readMetadata({ blob: text, trust, now, fetchedAt: now, previousNo: null });
      expect(result).toMatchObject({ ok: false, reason: 'malformed' });
    }
  });
});

describe('a verdict with metadata', () => {
  const unanchored = { ...device.trust, anchors: [] };
  const { standard } = policies;
  const required: Policy = { ...standard, metadata: { required: true, maxAgeMs: 1000 } };

  async function judge(metadata: MetadataList | null, policy: Policy = standard, at = now) {
    const store = { ...unanchored, metadata };
    const verdict = await verifyEvidence(await device.packed(), { ...device.expected, now: at }, store, policy);
    return verdict.reason ?? verdict.assurance.trustAnchor;
  }

  it('trusts the roots that the list names for this very authenticator', async () => {
    expect(await judge(await list([entry()]))).toBe(`mds:${device.AAGUID}:0`);
    const other = entry({ aaguid: 'fa2b99dc-0000-4000-8000-00000000cafe' });
    expect(await judge(await list([other]))).toBe('untrusted-root');
    expect(await judge(null)).toBe('untrusted-root');
  });

  it('does not take a software authenticator for hardware', async () => {
    const statement = { ...entry().metadataStatement, keyProtection: ['software'] };
    expect(await judge(await list([entry({ metadataStatement: statement })]))).toBe('software-key');
  });

  const status = async (...statusReports: readonly object[]) => judge(await list([entry({ statusReports })]));

  it.each([
    'REVOKED',
    'ATTESTATION_KEY_COMPROMISE',
    'USER_VERIFICATION_BYPASS',
    'USER_KEY_REMOTE_COMPROMISE',
    'USER_KEY_PHYSICAL_COMPROMISE',
  ])('refuses %s from its effective date on, also after a later certification', async (name) => {
    expect(await status({ status: name })).toBe('revoked-by-list');
    expect(await status({ status: name, effectiveDate: '2026-01-14' }, { status: 'FIDO_CERTIFIED' })).toBe(
      'revoked-by-list',
    );
    expect(await status({ status: name, effectiveDate: '2026-01-16' })).toContain('mds:');
    expect(await status({ status: name, effectiveDate: '2020-01-01', sunsetDate: '2025-01-01' })).toContain('mds:');
  });

  it('refuses only the certificate that a report names', async () => {
    const [leaf] = await device.attestationChain();
    const evidence = await device.packed({ chain: [leaf!] });
    const reported = async (certificate: Uint8Array) => {
      const report = { status: 'ATTESTATION_KEY_COMPROMISE', batchCertificate: base64(certificate) };
      const store = { ...unanchored, metadata: await list([entry({ statusReports: [report] })]) };
      return (await verifyEvidence(evidence, device.expected, store, standard)).reason ?? 'accept';
    };
    expect(await reported(leaf!)).toBe('revoked-by-list');
    expect(await reported(chain.ders[0]!)).toBe('accept');
  });

  it('goes on with UPDATE_AVAILABLE', async () => {
    expect(await status({ status: 'UPDATE_AVAILABLE' })).toContain('mds:');
  });

  it('judged again later: at its own time, with the lists of that later day', async () => {
    const later = now + 400 * 86_400_000;
    const metadata = {
      ...(await list([entry({ statusReports: [{ status: 'REVOKED', effectiveDate: '2026-06-01' }] })])),
      fetchedAt: later,
    };
    const store = { ...unanchored, metadata };
    const again = async (asked: object) =>
      verifyEvidence(await device.packed(), { ...device.expected, ...asked }, store, required);
    expect(await again({})).toMatchObject({ decision: 'accept' });
    expect(await again({ listsAt: later })).toMatchObject({ reason: 'revoked-by-list' });
    expect(await again({ listsAt: later + 1001 })).toMatchObject({ reason: 'status-list-stale' });
  });

  it('asks for a fresh list where policy does', async () => {
    expect(await judge(await list([entry()]), required)).toContain('mds:');
    expect(await judge(await list([entry()]), required, now + 1001)).toBe('status-list-stale');
    expect(await judge(null, required)).toBe('status-list-stale');
  });

  it('with an old list: it vouches for nobody, and still condemns', async () => {
    const old: Policy = { ...standard, metadata: { required: false, maxAgeMs: 1000 } };
    expect(await judge(await list([entry()]), old, now + 1001)).toBe('untrusted-root');
    const condemned = { ...device.trust, metadata: await list([entry({ statusReports: [{ status: 'REVOKED' }] })]) };
    const asked = { ...device.expected, now: now + 1001 };
    expect(await verifyEvidence(await device.packed(), asked, condemned, old)).toMatchObject({
      reason: 'revoked-by-list',
    });
  });
});

describe('the store that ships', () => {
  it('names anchors for metadata that no evidence can end at', () => {
    const { anchors } = builtInTrust();
    const signers = anchors.filter(({ class: name, formats }) => name === 'metadata' && formats.length === 0);
    expect(signers.map(({ id }) => id)).toEqual(['globalsign-root-r3', 'globalsign-root-r46']);
  });
});
