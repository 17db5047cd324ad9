import type { Verdict } from '../../src/attestation/verdict.ts';
import { table } from './table.ts';

const MARKS = { pass: 'ok', fail: 'FAIL', skipped: '-', monitored: 'watch' } as const;

/** A verdict for a person: the answer, what was proven, and every check with the section that asks for it. */
export function verdictLines(verdict: Verdict): readonly string[] {
  const { assurance } = verdict;
  const head = [
    ['decision', verdict.reason === undefined ? verdict.decision : `${verdict.decision}: ${verdict.reason}`],
    ['format', verdict.format],
    ['policy', verdict.policy],
    ['attested key', verdict.attestedKey === null ? 'none' : `in ${assurance.attestedKeyHardware}`],
    ['identity key', `${verdict.identityBinding}, hardware ${assurance.identityKeyHardware}`],
    ['freshness', assurance.freshness],
    ['trust anchor', assurance.trustAnchor ?? 'none'],
  ];
  if (assurance.bootState !== undefined) head.push(['boot state', assurance.bootState]);
  if (assurance.patchLevel !== undefined) head.push(['patch level', String(assurance.patchLevel)]);
  const checks = verdict.checks.map(({ outcome, id, spec, detail }) => [MARKS[outcome], id, spec, detail]);
  return [...table(head), '', ...table([['', 'check', 'section', 'detail'], ...checks])];
}
