import type * as v from 'valibot';
import type { Verdict } from '../attestation/verdict.ts';
import type { VerdictSummary } from '../protocol/api.ts';

/** What a client may know of a verdict; the checks are the operator's. */
export function summaryOf({
  format,
  decision,
  identityBinding,
  assurance,
  policy,
}: Verdict): v.InferOutput<typeof VerdictSummary> {
  return {
    format,
    decision,
    identityBinding,
    attestedKeyHardware: assurance.attestedKeyHardware,
    identityKeyHardware: assurance.identityKeyHardware,
    ...(assurance.trustAnchor !== undefined && { trustAnchor: assurance.trustAnchor }),
    policy,
  };
}
