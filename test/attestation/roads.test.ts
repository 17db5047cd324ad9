import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readPolicy } from '../../src/attestation/policy/policy.ts';
import { isOpen, roads } from '../../src/attestation/policy/roads.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { document } from '../../tools/who-can-enroll.ts';
import * as device from './support/authenticator.ts';

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
const names = Object.keys(policies) as (keyof typeof policies)[];

describe('who can enroll', () => {
  it('the page is what the table says', () => expect(read('who-can-enroll.md')).toBe(document()));

  it.each(names.flatMap((name) => roads.map((road) => [name, road.device, road] as const)))(
    '%s, %s: the verifier looks at the evidence exactly where the road is open',
    async (name, _, road) => {
      const empty =
        road.evidence === 'webauthn' ? device.evidence(road.format, 'nothing') : { format: road.evidence, chain: [] };
      const verdict = await verifyEvidence(empty, device.expected, device.trust, policies[name]);
      const turnedAway = verdict.reason === 'format-refused' || verdict.reason === 'no-attestation';
      const closedByHardware = policies[name].formats.some((format) => format === road.format);
      expect(turnedAway).toBe(!isOpen(road, policies[name]) && !closedByHardware);
      expect(verdict.decision).toBe('refuse');
    },
  );
});

describe('the page about policy', () => {
  const page = read('policy.md');

  it('shows a document that is one', () => {
    const example = /```json\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    expect(readPolicy(JSON.parse(example))).toMatchObject({ ok: true });
  });

  it('explains every field', () => {
    const fields = Object.entries<unknown>(policies.standard).flatMap(([name, value]) => {
      const inner = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.keys(value) : [];
      return inner.length === 0 ? [name] : inner.map((field) => `${name}.${field}`);
    });
    expect(fields.length).toBeGreaterThan(25);
    expect(fields.filter((field) => !page.includes(`| \`${field}\``))).toEqual([]);
  });
});
