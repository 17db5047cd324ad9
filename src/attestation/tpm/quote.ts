import { hex } from '../../bytes/hex.ts';
import { concat, equal } from '../../bytes/join.ts';
import type { Checklist } from '../checklist.ts';
import type { Policy } from '../policy/policy.ts';
import { hashByName } from './algorithms.ts';
import type { Attested } from './attest.ts';
import type { Tpm2Evidence } from './evidence.ts';

type Quoted = Extract<Attested, { kind: 'quote' }>;
/** PCR values by bank and index, as evidence lists them beside a quote. */
export type PcrValues = NonNullable<Tpm2Evidence['quote']>['pcrs'];

/**
 * The registers behind a quote: exactly those that it selects are listed, their values hash to its digest, and they are
 * what policy expects. The digest is a hash by the hash of the signing scheme, whose length names it.
 */
export function judgeQuote(quoted: Quoted, values: PcrValues, expected: Policy['tpm']['pcrs'], steps: Checklist): void {
  const selected = quoted.selections.flatMap(({ bank, indices }) =>
    indices.map((index) => [bank, `${index}`] as const),
  );
  const listed = Object.values(values).reduce((count, bank) => count + Object.keys(bank).length, 0);
  const found = selected.map(([bank, index]) => values[bank]?.[index]);
  const sized = selected.every(([bank], i) => found[i]?.length === hashByName(bank).size);
  steps.demand(
    sized && listed === selected.length,
    'tpm2.quote-selection',
    'TPM 2.0 Part 2 §10.12.4',
    'malformed',
    `${selected.length} registers are quoted, ${listed} are listed, each with its value`,
  );
  steps.demand(
    digestMatches(quoted.pcrDigest, concat(...found.map((value) => value!))),
    'tpm2.quote-digest',
    'TPM 2.0 Part 1 §17.6',
    'key-mismatch',
    'the listed values hash to the quoted digest',
  );
  if (expected === null) return;
  const wrong = Object.entries(expected).flatMap(([bank, registers]) =>
    Object.entries(registers).flatMap(([index, want]) => {
      const value = bank in values ? values[bank as keyof PcrValues]?.[index] : undefined;
      return value !== undefined && hex(value) === want ? [] : [`${bank}:${index}`];
    }),
  );
  const detail = wrong.length === 0 ? 'every expected register has its value' : `other or absent: ${wrong.join(', ')}`;
  steps.rule(wrong.length === 0, 'tpm2.quote-pcrs', 'policy tpm.pcrs', 'boot-state', detail);
}

function digestMatches(digest: Uint8Array, values: Uint8Array): boolean {
  return (['sha1', 'sha256', 'sha384', 'sha512'] as const)
    .map(hashByName)
    .some((hash) => hash.size === digest.length && equal(hash.digest(values), digest));
}
