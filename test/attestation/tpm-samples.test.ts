import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evidenceOf } from '../../cli/vectors/evidence.ts';
import type { Vector } from '../../cli/vectors/vector.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import { loadAnchor } from '../../src/attestation/trust/load.ts';
import type { Anchor, TrustStore } from '../../src/attestation/trust/store.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { base64url, fromBase64url } from '../../src/bytes/base64url.ts';
import { mutation } from './support/mutate.ts';

type Anchors = readonly Parameters<typeof loadAnchor>[0][];
type Fields = { readonly [name: string]: unknown };

const file = JSON.parse(readFileSync(new URL('../vectors/tpm.json', import.meta.url), 'utf8')) as {
  readonly anchors: Anchors;
  readonly vectors: readonly Vector[];
};
const anchors: readonly Anchor[] = file.anchors.map(loadAnchor);
const trust: TrustStore = { anchors, intermediates: [], metadata: null, androidStatus: null };

function judge(vector: Vector, evidence?: Fields) {
  const asked = evidenceOf(vector)!;
  return verifyEvidence({ ...asked.evidence, ...evidence }, asked.expected, trust, policies.standard);
}

/** Every text of bytes in evidence, with a way to put another in its place. */
function texts(fields: Fields): { readonly text: string; readonly put: (text: string) => Fields }[] {
  return Object.entries(fields).flatMap(([name, value]) => {
    if (name === 'format' || name === 'pcrs') return [];
    const replace = (other: unknown): Fields =>
      Array.isArray(fields)
        ? Object.assign([...(fields as unknown[])], { [name]: other })
        : { ...fields, [name]: other };
    if (typeof value === 'string') return [{ text: value, put: replace }];
    return texts(value as Fields).map(({ text, put }) => ({ text, put: (other: string) => replace(put(other)) }));
  });
}

describe.each(file.vectors)('recorded evidence $id', (vector) => {
  const { evidence } = evidenceOf(vector)!;

  it('is accepted at its time, under its roots', async () => {
    expect(await judge(vector)).toMatchObject({ decision: 'accept' });
  });

  it('is refused, with a reason, whatever bytes are changed', async () => {
    const places = texts(evidence);
    const change = fc.nat(places.length - 1).chain((at) => {
      const { text, put } = places[at]!;
      const bytes = fromBase64url(text)!;
      return mutation(bytes)
        .filter((other) => base64url(other) !== text)
        .map((other) => put(base64url(other)));
    });
    await fc.assert(
      fc.asyncProperty(change, async (changed) => {
        const verdict = await judge(vector, changed);
        expect(verdict.decision).toBe('refuse');
        expect(verdict.reason).toBeTypeOf('string');
      }),
      { numRuns: 600 },
    );
  });
});
