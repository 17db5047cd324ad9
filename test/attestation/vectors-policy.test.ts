/** Recorded evidence under the policies that ship, and under changed ones. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { vectorFolder } from '../../cli/support/files.ts';
import { evidenceOf } from '../../cli/vectors/evidence.ts';
import { familyPolicy } from '../../cli/vectors/policy.ts';
import { readVectorFile } from '../../cli/vectors/vector.ts';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import { builtInTrust } from '../../src/attestation/trust/load.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';

const trust = builtInTrust();
const load = (family: string) => readVectorFile(join(vectorFolder, `${family}.json`));

async function judge(family: string, id: string, policy: Policy) {
  const { evidence, expected } = evidenceOf(load(family).vectors.find((vector) => vector.id === id)!)!;
  return verifyEvidence(evidence, expected, trust, policy);
}

describe.skipIf(!existsSync(vectorFolder))('recorded evidence', () => {
  it.each(['consumer', 'standard', 'strict'] as const)(
    'Chromium’s virtual authenticator is refused by %s and taken by development',
    async (name) => {
      const id = 'chromium-virtual-authenticator-swa';
      const policy = { ...policies[name], metadata: policies.standard.metadata };
      expect(await judge('webauthn-packed', id, policy)).toMatchObject({ reason: 'virtual-authenticator' });
      const verdict = await judge('webauthn-packed', id, policies.development);
      expect(verdict).toMatchObject({ decision: 'accept', assurance: { attestedKeyHardware: 'software' } });
    },
  );

  it('a security key that nobody bound to its root is refused by standard', async () => {
    expect(await judge('webauthn-packed', 'feitian-biopass-three-certificates', policies.consumer)).toMatchObject({
      reason: 'aaguid-refused',
    });
    expect(await judge('webauthn-packed', 'yubikey-5-nfc-es256-example-com', policies.consumer)).toMatchObject({
      decision: 'accept',
    });
  });

  it('a raised patch-level floor finds exactly the devices below it', async () => {
    const file = load('android-keystore');
    const floored = (minimumPatchLevel: number | null): Policy => {
      const policy = familyPolicy(file);
      return { ...policy, android: { ...policy.android, minimumPatchLevel } };
    };
    const found: Record<string, string[]> = { below: [], refused: [] };
    for (const vector of file.vectors) {
      const { evidence, expected } = evidenceOf(vector)!;
      const before = await verifyEvidence(evidence, expected, trust, floored(null));
      if (before.decision !== 'accept') continue;
      const after = await verifyEvidence(evidence, expected, trust, floored(202_409));
      if ((before.assurance.patchLevel ?? 0) < 202_409) found['below']!.push(`${vector.id}: patch-level`);
      if (after.decision === 'refuse') found['refused']!.push(`${vector.id}: ${after.reason}`);
    }
    expect(found['refused']).toEqual(found['below']);
    expect(found['refused']!.length).toBeGreaterThan(2);
  });

  it('a serial that is condemned later refuses the evidence when it is judged again at its own time', async () => {
    const file = load('android-keystore');
    const { evidence, expected } = evidenceOf(file.vectors.find(({ id }) => id === 'caiman-sdk36-tee-ec-rkp')!)!;
    const policy = familyPolicy(file);
    const closed: Policy = { ...policy, android: { ...policy.android, statusList: 'fail-closed' } };
    const today = expected.now + 300 * 86_400_000;
    const first = await verifyEvidence(evidence, expected, trust, policy);
    const serials = (first.facts['chain'] as readonly { serial: string }[]).map(({ serial }) => serial);
    const judged = async (serial: string, listsAt: number) => {
      const entries = new Map([[serial, { status: 'SUSPENDED' as const, reason: 'TEST' }]]);
      const store = { ...trust, androidStatus: { fetchedAt: today, entries } };
      return (await verifyEvidence(evidence, { ...expected, listsAt }, store, closed)).reason ?? 'accept';
    };
    expect(await judged('ff', today)).toBe('accept');
    for (const serial of serials.slice(1)) expect(await judged(serial, today)).toBe('suspended-by-list');
    expect(await judged('ff', today + 4 * 86_400_000)).toBe('status-list-stale');
  });

  it('Android evidence without a fresh status list is refused by standard', async () => {
    expect(await judge('android-keystore', 'caiman-sdk36-tee-ec-rkp', policies.standard)).toMatchObject({
      reason: 'status-list-stale',
    });
  });
});
