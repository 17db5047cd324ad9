/** Evidence in, verdict out: bounds, dispatch, and the one place where a refusal is caught. */
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { Checklist, Refused } from './checklist.ts';
import type { Evidence, Expected, Finding } from './format.ts';
import { nativeFormats, statementFormats } from './formats.ts';
import type { Policy } from './policy/policy.ts';
import type { TrustStore } from './trust/store.ts';
import type { Assurance, FormatId, Verdict } from './verdict.ts';
import { readWebauthn, verifyRegistration } from './webauthn/registration.ts';

/** Characters of base64url and text in all of the evidence's fields: 64 KiB of bytes. */
const LARGEST = 87_382;

/** The road of browsers and security keys: attestationObject and clientDataJSON. */
const WEBAUTHN = 'webauthn';

const NOTHING: Assurance = { attestedKeyHardware: 'none', identityKeyHardware: 'unproven', freshness: 'cached' };

/**
 * Judges evidence at `expected.now`. Depends on its arguments alone; resolves for every input. `evidence` is what a client sent:
 * `{ format: 'webauthn', attestationObject, clientDataJSON }` or a native format's fields, bytes as base64url.
 */
export async function verifyEvidence(
  evidence: Evidence,
  expected: Expected,
  trust: TrustStore,
  policy: Policy,
): Promise<Verdict> {
  const steps: Checklist = new Checklist(policy.monitor);
  const seen: { format: FormatId | 'unknown' } = { format: 'unknown' };
  try {
    steps.demand(
      isEvidence(evidence),
      'evidence.shape',
      'docs/protocol/enrollment.md',
      'malformed',
      'an object that names a format',
    );
    steps.demand(
      size(evidence) <= LARGEST,
      'evidence.size',
      'docs/protocol/enrollment.md',
      'too-large',
      'evidence of at most 64 KiB',
    );
    const finding = await dispatch(evidence, expected, trust, policy, steps, seen);
    judgeHardware(finding, policy, steps);
    return verdict({ decision: 'accept' }, seen.format, finding, policy, steps);
  } catch (refused) {
    if (!(refused instanceof Refused)) throw refused;
    return verdict({ decision: 'refuse', reason: refused.reason }, seen.format, null, policy, steps);
  }
}

/** What arrives is a stranger's, whatever its type says. */
function isEvidence(value: unknown): value is Evidence {
  return typeof value === 'object' && value !== null && 'format' in value && typeof value.format === 'string';
}

/** Text in the evidence's fields, at any depth that evidence has; deeper is too large. */
function size(value: unknown, depth = 4): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  if (depth === 0) return Number.POSITIVE_INFINITY;
  let total = 0;
  for (const [name, member] of Object.entries(value)) {
    total += name.length + size(member, depth - 1);
    if (total > LARGEST) return total;
  }
  return total;
}

async function dispatch(
  evidence: Evidence,
  expected: Expected,
  trust: TrustStore,
  policy: Policy,
  steps: Checklist,
  seen: { format: FormatId | 'unknown' },
): Promise<Finding> {
  if (evidence.format === WEBAUTHN) return webauthn(evidence, expected, trust, policy, steps, seen);
  const format = nativeFormats.get(evidence.format);
  steps.demand(
    format !== undefined,
    'evidence.format',
    'docs/protocol/enrollment.md',
    'format-unknown',
    'evidence of a known format',
  );
  seen.format = format.id;
  judgeFormat(format.id, policy, steps);
  return format.verify(evidence, expected, trust, policy, steps);
}

async function webauthn(
  evidence: Evidence,
  expected: Expected,
  trust: TrustStore,
  policy: Policy,
  steps: Checklist,
  seen: { format: FormatId | 'unknown' },
): Promise<Finding> {
  const object = bytes(evidence['attestationObject']);
  const clientData = bytes(evidence['clientDataJSON']);
  const read = object === null || clientData === null ? null : readWebauthn(object, clientData);
  steps.demand(
    read !== null,
    'webauthn.attestation-object',
    'WebAuthn L3 §7.1 step 13',
    'malformed',
    'fmt, attStmt and authData',
  );
  const format = statementFormats.get(read.format);
  steps.demand(
    format !== undefined,
    'webauthn.format',
    'WebAuthn L3 §7.1 step 21',
    'format-unknown',
    'a known statement format',
  );
  seen.format = format.id;
  judgeFormat(format.id, policy, steps);
  return verifyRegistration(
    read,
    format,
    expected,
    { now: expected.now, listsAt: expected.listsAt ?? expected.now, trust, policy },
    steps,
  );
}

function bytes(field: unknown): Uint8Array<ArrayBuffer> | null {
  return typeof field === 'string' ? fromBase64url(field) : null;
}

function judgeFormat(format: FormatId, policy: Policy, steps: Checklist): void {
  steps.demand(
    policy.formats.some((allowed) => allowed === format),
    'policy.format',
    'policy formats',
    format === 'none' ? 'no-attestation' : 'format-refused',
    `policy takes evidence of format ${format}`,
  );
}

function judgeHardware({ assurance }: Finding, policy: Policy, steps: Checklist): void {
  steps.rule(
    policy.hardware.includes(assurance.attestedKeyHardware),
    'policy.hardware',
    'policy hardware',
    'assurance',
    `policy takes keys in hardware of kind ${assurance.attestedKeyHardware}`,
  );
}

function verdict(
  outcome: Pick<Verdict, 'decision' | 'reason'>,
  format: Verdict['format'],
  finding: Finding | null,
  policy: Policy,
  steps: Checklist,
): Verdict {
  return {
    ...outcome,
    format,
    assurance: finding?.assurance ?? NOTHING,
    attestedKey: finding === null ? null : base64url(finding.attestedKey),
    identityBinding: finding?.identityBinding ?? 'vouched',
    policy: policy.version,
    facts: steps.facts,
    checks: steps.checks,
  };
}
