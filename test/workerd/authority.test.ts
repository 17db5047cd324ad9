import { expect, it } from 'vitest';
import { signRevocationList } from '../../src/ca/revocation.ts';
import { judgeIdentity } from '../../src/identity/judge.ts';
import { acceptRevocationList } from '../../src/identity/revocation.ts';
import { certify, DEVICE, keys, NOW, settled, world } from '../support/authority.ts';

it('workerd makes an authority, issues, and judges what it issued', async () => {
  const ca = await world();
  const chain = [await certify(ca, await keys()), ca.authority.issuing.certificate];
  const expected = { profile: 'call', roots: [ca.root], now: NOW, validity: 'in-force' } as const;
  const identity = await settled(judgeIdentity(chain, { ...expected, revocations: null }));
  expect(identity.device).toBe(DEVICE);

  const { serial, notAfter } = identity.certificate;
  const entry = { serial, at: NOW, reason: 'owner', until: notAfter } as const;
  const der = await signRevocationList(ca.issuer, [entry], 1, NOW, 3_600_000);
  const revocations = await settled(acceptRevocationList(der, [chain[1]!], [ca.root], NOW));
  expect(judgeIdentity(chain, { ...expected, revocations })).toEqual({ ok: false, reason: 'revoked' });
});
