import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configuredPolicy, unnamedApplications } from '../../src/attestation/policy/configured.ts';
import { type Policy, readPolicy } from '../../src/attestation/policy/policy.ts';
import { isOpen, openRoads, roads } from '../../src/attestation/policy/roads.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { document } from '../../tools/who-can-enroll.ts';
import * as device from './support/authenticator.ts';

const read = (name: string) => readFileSync(new URL(`../../docs/${name}`, import.meta.url), 'utf8');
const names = Object.keys(policies) as (keyof typeof policies)[];

describe('who can enroll', () => {
  it('the page is what the table says', () => expect(read('who-can-enroll.md')).toBe(document()));

  it('phones enroll once the policy names their applications, and not before', () => {
    const phones = new Set(['iphone-app', 'android-app']);
    const open = (policy: Policy) => openRoads(policy).filter(({ platform }) => phones.has(platform));
    expect(open(policies.standard)).toEqual([]);
    const { android, apple } = policies.standard;
    const application = { package: 'com.acme.calls', digests: ['ab'.repeat(32)] };
    const named = { ...policies.standard, android: { ...android, applications: [application] } };
    expect(open(named).map(({ platform }) => platform)).toEqual(['android-app']);
    const both = { ...named, apple: { ...apple, applications: ['ABCDE12345.com.acme.calls'] } };
    expect(open(both).map(({ platform }) => platform)).toEqual(['iphone-app', 'android-app']);
  });

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

  it('shows changes of one that ships, which are a document too', () => {
    const example = /```json policy\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
    const read = configuredPolicy(example);
    expect(read).toMatchObject({ ok: true, policy: { version: 'acme-2026-11', android: { deviceLocked: true } } });
    expect(read.ok && unnamedApplications(read.policy)).toEqual([]);
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
