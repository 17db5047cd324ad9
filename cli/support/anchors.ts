import { anchorRecords, intermediateRecords } from '../../src/attestation/trust/anchors/index.ts';
import type { AnchorRecord, IntermediateRecord } from '../../src/attestation/trust/anchors/record.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { readCertificate } from '../../src/attestation/path/certificate.ts';
import { fromBase64url } from '../../src/bytes/base64url.ts';
import { hex } from '../../src/bytes/hex.ts';

export type AnchorState = 'in date' | 'alarm' | 'expired, kept' | 'EXPIRED';

/** Where an anchor stands in its life; an expired one is fine only when its record says why it is kept. */
export function anchorState(record: AnchorRecord, now: number): AnchorState {
  if (now > endOf(record.notAfter)) return record.keptExpired === undefined ? 'EXPIRED' : 'expired, kept';
  return now >= Date.parse(record.alarm) ? 'alarm' : 'in date';
}

function endOf(date: string): number {
  return Date.parse(`${date}T23:59:59Z`);
}

/** What is wrong with the shipped data, one sentence each; an anchor's own expiry included. */
export function storeProblems(now: number): readonly string[] {
  const ids = anchorRecords.map(({ id }) => id);
  const twice = ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `${id}: the id is used twice`);
  return [
    ...twice,
    ...anchorRecords.flatMap((record) => anchorProblems(record, now)),
    ...intermediateRecords.flatMap((record) => recordProblems(record.subject, record)),
  ];
}

function anchorProblems(record: AnchorRecord, now: number): readonly string[] {
  const problems = [...recordProblems(record.id, record)];
  if (record.alarm > record.notAfter) problems.push(`${record.id}: the alarm is after the end`);
  if (anchorState(record, now) === 'EXPIRED') problems.push(`${record.id}: expired on ${record.notAfter}`);
  return problems;
}

function recordProblems(name: string, record: AnchorRecord | IntermediateRecord): readonly string[] {
  const der = fromBase64url(record.certificate);
  const certificate = der === null ? null : readCertificate(der);
  if (der === null || certificate === null) return [`${name}: the certificate does not read`];
  const problems: string[] = [];
  if (hex(sha256(der)) !== record.sha256) problems.push(`${name}: SHA-256 is not the recorded one`);
  const end = new Date(certificate.notAfter).toISOString().slice(0, 10);
  if (end !== record.notAfter) problems.push(`${name}: ends on ${end}, recorded as ${record.notAfter}`);
  return problems;
}
