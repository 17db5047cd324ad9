import { expect, it } from 'vitest';
import type { Verdict } from '../verdict.ts';
import { withInventory } from './inventory.ts';
import { policies } from './shipped.ts';

const accepted: Verdict = {
  decision: 'accept',
  format: 'tpm2',
  assurance: { attestedKeyHardware: 'tpm', identityKeyHardware: 'tpm', freshness: 'challenge' },
  attestedKey: 'AA',
  identityBinding: 'key-attested',
  policy: 'p',
  facts: {},
  checks: [],
};
const refused: Verdict = { ...accepted, decision: 'refuse', reason: 'weak-key' };
const policy = (inventory: 'off' | 'prefer' | 'require') => ({ ...policies.standard, inventory });

it.each([
  ['off', false, 'accept', undefined],
  ['off', true, 'accept', undefined],
  ['prefer', true, 'accept', undefined],
  ['prefer', false, 'hold', 'not-in-inventory'],
  ['require', true, 'accept', undefined],
  ['require', false, 'refuse', 'not-in-inventory'],
] as const)('inventory %s, listed %s: %s', (mode, listed, decision, reason) => {
  const verdict = withInventory(accepted, listed, policy(mode));
  expect([verdict.decision, verdict.reason]).toEqual([decision, reason]);
});

it('a refusal stays the refusal that it was', () => {
  expect(withInventory(refused, false, policy('prefer'))).toBe(refused);
});
