import { expect, it } from 'vitest';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import { hardwareHash, keptOf } from '../../src/attestation/stored/record.ts';
import { openCase, sealCase } from '../../src/attestation/stored/seal.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { hex } from '../../src/bytes/hex.ts';
import { freshList, leaf, remote, trust, fields } from './support/android-chain.ts';
import * as ca from './support/ca.ts';
import { makeChain } from './support/chain.ts';

const secret = new Uint8Array(32).fill(3);
const transcript = new Uint8Array(32).fill(9);
const chain = await makeChain(remote(leaf({})));
const identityKey = chain.certificates[0]!.spki;
const evidence = fields(chain);
const expected = {
  transcript,
  identityKey,
  now: ca.TEST_NOW,
  rpId: 'calls.example',
  origins: ['https://calls.example'],
};
const store = trust(freshList());
const policy: Policy = { ...policies.standard, android: { ...policies.standard.android, applications: 'any' } };
const verdict = await verifyEvidence(evidence, expected, store, policy);
const links = verdict.facts['chain'] as readonly { serial: string; spki: string }[];

it('what is kept of a verdict has no serial, key or key hash of the hardware, in facts and checks alike', () => {
  expect(verdict.decision).toBe('accept');
  const kept = keptOf(verdict, identityKey, store, secret);
  const text = JSON.stringify(kept);
  for (const { spki } of links) expect(text).not.toContain(spki);
  const serials = links.map(({ serial }) => serial).filter((serial) => serial.length >= 4);
  expect(serials).toContain('abcd');
  for (const serial of serials) expect(text).not.toContain(`"${serial}"`);
  expect(kept.verdict.attestedKey).toBe(base64url(identityKey));
  const vouched = keptOf({ ...verdict, identityBinding: 'vouched' }, new Uint8Array(1), store, secret);
  expect(JSON.stringify(vouched)).not.toContain(base64url(identityKey));
  expect(kept.verdict).toMatchObject({ decision: 'accept', format: verdict.format, assurance: verdict.assurance });
  expect(kept.verdict.checks.map(({ id, outcome }) => [id, outcome])).toEqual(
    verdict.checks.map(({ id, outcome }) => [id, outcome]),
  );
});

it('the index finds evidence by every serial that a list can name, the anchor’s own too', () => {
  const { index } = keptOf(verdict, identityKey, store, secret);
  const serials = [...chain.certificates.slice(1).map(({ serial }) => serial), store.anchors[0]!.certificate.serial];
  for (const serial of serials) {
    expect(index).toContainEqual({ kind: 'serial', value: hardwareHash(secret, 'serial', serial) });
  }
  expect(index).toContainEqual({ kind: 'anchor', value: store.anchors[0]!.id });
  expect(hardwareHash(new Uint8Array(32), 'serial', 'abcd')).not.toBe(hardwareHash(secret, 'serial', 'abcd'));
});

it('an endorsement key is counted, its serial and the attestation key’s name are hidden, a credential is owned', () => {
  const facts = {
    aaguid: '01020304-0506-0708-0102-030405060708',
    credentialId: 'Y3JlZGVudGlhbA',
    endorsementKey: 'e'.repeat(64),
    endorsementSerial: '7fa09911',
    attestationKeyName: `000b${'a'.repeat(64)}`,
    chain: [{ serial: '7fa09911', spki: 'e'.repeat(64) }],
  };
  const checks = [{ id: 'x', spec: 'y', outcome: 'pass', detail: 'serial 7fa09911 is not listed' }] as const;
  const kept = keptOf({ ...verdict, facts, checks }, identityKey, store, secret);
  expect(kept.endorsement).toBe(hardwareHash(secret, 'ek', facts.endorsementKey));
  expect(kept.keys.map(({ kind }) => kind)).toEqual(['spki', 'credential']);
  const text = JSON.stringify(kept);
  for (const name of ['credentialId', 'endorsementKey', 'endorsementSerial', 'attestationKeyName'] as const) {
    expect(text).not.toContain(facts[name]);
  }
  expect(text).toContain(facts.aaguid);
});

it('a sealed case opens to what was judged, under its key and its id alone, and is judged again without any other key', async () => {
  const activation = { nonce: 'n', endorsementKey: 'e', attestationKey: 'a', proof: 'p' };
  const given = { evidence, expected: { ...expected, activation } };
  const sealed = await sealCase(secret, 'id', given, new Uint8Array(12));
  expect(hex(sealed)).not.toContain(hex(chain.ders[0]!.subarray(0, 40)));
  expect(await openCase(secret, 'id', sealed)).toEqual(given);
  expect(await openCase(secret, 'other', sealed)).toBeNull();
  expect(await openCase(new Uint8Array(32), 'id', sealed)).toBeNull();
  expect(await openCase(secret, 'id', sealed.with(40, sealed[40]! ^ 1))).toBeNull();
  expect(await openCase(secret, 'id', new Uint8Array([1, 2, 3]))).toBeNull();
  const opened = await openCase(secret, 'id', await sealCase(secret, 'id', { evidence, expected }, new Uint8Array(12)));
  expect(await verifyEvidence(opened!.evidence, opened!.expected, store, policy)).toEqual(verdict);
});
