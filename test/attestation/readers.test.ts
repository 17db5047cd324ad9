import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aik } from '../../src/attestation/path/profiles/aik.ts';
import { android } from '../../src/attestation/path/profiles/android.ts';
import { apple } from '../../src/attestation/path/profiles/apple.ts';
import { ek } from '../../src/attestation/path/profiles/ek.ts';
import { strict } from '../../src/attestation/path/profiles/strict.ts';
import { validatePath } from '../../src/attestation/path/validate.ts';
import { factory, leaf, remote } from './support/android-chain.ts';
import { TEST_NOW } from './support/ca.ts';
import { makeAnchor, makeChain } from './support/chain.ts';
import { mutation } from './support/mutate.ts';
import { readers } from './support/readers.ts';

const refusal = (value: unknown) => value === null || value === false;

describe.each(readers)('the reader of $name', ({ read, samples }) => {
  it('reads its samples', () => {
    expect(samples.length).toBeGreaterThan(0);
    expect(samples.filter((sample) => refusal(read(sample)) && sample.length > 400)).toEqual([]);
  });

  it('returns for whatever it is given', () => {
    const input = fc.oneof(
      { arbitrary: fc.constantFrom(...samples).chain(mutation), weight: 9 },
      fc.uint8Array({ maxLength: 64 }),
    );
    fc.assert(
      fc.property(input, (bytes) => {
        read(bytes);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('the path validator', async () => {
  const chains = [await makeChain(factory(leaf({}))), await makeChain(remote(leaf({})))];
  const pool = chains.flatMap(({ certificates }) => certificates);
  const anchors = [makeAnchor(pool[3]!)];
  const profiles = [strict, android, apple, aik, ek] as const;
  const paths = fc.array(fc.constantFrom(...pool), { maxLength: 12 });

  it('answers for certificates in any order, and accepts only what the anchor issued step by step', async () => {
    await fc.assert(
      fc.asyncProperty(paths, paths, fc.constantFrom(...profiles), async (chain, intermediates, profile) => {
        const result = await validatePath({ chain, intermediates, anchors, now: TEST_NOW, profile });
        const path = result.ok ? [...result.path, result.anchor.certificate] : [];
        const broken = path.filter((one, i) => i > 0 && Buffer.compare(one.subject.der, path[i - 1]!.issuer.der) !== 0);
        expect(broken).toEqual([]);
        expect((result.ok ? path : chain)[0]?.der).toEqual(chain[0]?.der);
      }),
      { numRuns: 1500 },
    );
  });
});
