/** A path as a step of a verification: recorded, and judged by the policy's anchor classes. */
import type { Checklist } from '../checklist.ts';
import type { Policy } from '../policy/policy.ts';
import { judgeAnchor } from '../trust/judge.ts';
import { testIssuers } from '../trust/anchors/test.ts';
import type { Anchor } from '../trust/store.ts';
import type { Reason } from '../verdict.ts';
import { readableName } from './name.ts';
import type { Path } from './profile.ts';
import { type PathQuery, type PathResult, validatePath } from './validate.ts';

export interface TrustedPath {
  readonly path: Path;
  readonly anchor: Anchor;
}

/** The trusted path, or a refusal: where the chain ends at an anchor of a refused class for that, unless its time is over anyway. */
export async function judgePath(query: PathQuery, policy: Policy, steps: Checklist): Promise<TrustedPath> {
  const result = await validatePath(query);
  const expired = !result.ok && result.reason === 'chain-expired';
  if (result.anchor !== null && !expired) judgeAnchor(result.anchor, policy, steps);
  const id = `path.${query.profile.id}`;
  if (result.ok) {
    const length = `${result.path.length} certificates below ${result.anchor.id}`;
    steps.demand(true, id, 'RFC 5280 §6.1', 'chain-invalid', length);
    return result;
  }
  const where = result.certificate === null ? 'the chain' : `certificate ${result.certificate}`;
  steps.demand(false, id, result.spec, worded(result, query), `${result.rule}: ${where}: ${result.detail}`);
}

/** A chain to no anchor whose top names a test issuer was made by a test. */
function worded(result: PathResult & { readonly ok: false }, { chain }: PathQuery): Reason {
  const top = chain[chain.length - 1];
  const test = top !== undefined && testIssuers.includes(readableName(top.issuer));
  return result.reason === 'untrusted-root' && test ? 'test-root' : result.reason;
}
