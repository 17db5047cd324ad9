import { describe, expect, it } from 'vitest';
import { readPolicy } from './policy.ts';
import { isOpen, openRoads, roads } from './roads.ts';
import { policies } from './shipped.ts';

const { standard } = policies;
const problems = (document: unknown) => {
  const result = readPolicy(document);
  return result.ok ? [] : result.problems;
};

describe('a policy document', () => {
  it.each(Object.entries(policies))('%s, as it ships, is valid and comes back unchanged', (_, policy) => {
    expect(readPolicy(JSON.parse(JSON.stringify(policy)))).toEqual({ ok: true, policy });
  });

  it('has a version of its own', () => {
    const versions = Object.values(policies).map(({ version }) => version);
    expect(new Set(versions).size).toBe(versions.length);
  });

  it('names each problem by its path', () => {
    const document = { ...standard, webauthn: { ...standard.webauthn, syncable: 'no' }, extra: 1 };
    expect(problems(document).join('\n')).toMatch(/webauthn\.syncable: .*\n?.*extra/s);
    const { android: _, ...without } = standard;
    expect(problems(without)).toEqual([expect.stringMatching(/^android: /)]);
    expect(problems(null)).toEqual([expect.stringMatching(/^document: /)]);
  });

  it.each([
    ['formats', ['packed', 'compound']],
    ['version', 'Has Spaces'],
    ['monitor', ['signature-invalid']],
    ['monitor', ['self-attestation']],
    ['monitor', ['untrusted-root']],
    ['hardware', ['cloud']],
    ['capPerEndorsementKey', 0],
    ['inventory', 'maybe'],
  ])('refuses %s: %j', (field, value) => {
    expect(problems({ ...standard, [field]: value })).toHaveLength(1);
  });

  it('refuses contradictions', () => {
    expect(problems({ ...standard, formats: [...standard.formats, 'development'] })).toHaveLength(1);
    expect(problems({ ...standard, anchorClasses: ['hardware', 'development'] })).toHaveLength(1);
    expect(problems({ ...standard, android: { ...standard.android, bootStates: [] } })).toHaveLength(1);
  });
});

describe('policies for production', () => {
  it.each(['consumer', 'standard', 'strict'] as const)('%s takes neither development nor proof of nothing', (name) => {
    const { formats, anchorClasses, hardware, webauthn, monitor } = policies[name];
    expect(formats).not.toContain('development');
    expect(formats).not.toContain('none');
    expect(anchorClasses).toEqual(['hardware']);
    expect(hardware).not.toContain('software');
    expect(hardware).not.toContain('none');
    expect(hardware).not.toContain('virtual-tpm');
    expect(webauthn).toMatchObject({ selfAttestation: false, syncable: false, crossOrigin: false });
    expect(monitor).toEqual([]);
  });

  it('differ as they say: only consumer links, strict takes less than standard', () => {
    const open = (name: keyof typeof policies) => openRoads(policies[name]).map(({ device }) => device);
    expect(open('consumer')).toEqual(expect.arrayContaining(open('standard')));
    expect(open('standard')).toEqual(expect.arrayContaining(open('strict')));
    expect(roads.filter((road) => road.format === 'linked').every((road) => !isOpen(road, standard))).toBe(true);
  });
});
