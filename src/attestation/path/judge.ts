/** A path as a step of a verification: recorded, and judged by the policy's anchor classes. */
import type { Checklist } from '../checklist.ts';
import type { Policy } from '../policy/policy.ts';
import { judgeAnchor } from '../trust/judge.ts';
import type { Anchor } from '../trust/store.ts';
import type { Path } from './profile.ts';
import { type PathQuery, validatePath } from './validate.ts';

/** The trusted path, or a refusal; where the chain ends at an anchor of a refused class, that is the reason given. */
export async function judgePath(
  query: PathQuery,
  policy: Policy,
  steps: Checklist,
): Promise<{ readonly path: Path; readonly anchor: Anchor }> {
  const result = await validatePath(query);
  if (result.anchor !== null) judgeAnchor(result.anchor, policy, steps);
  const id = `path.${query.profile.id}`;
  if (result.ok) {
    const length = `${result.path.length} certificates below ${result.anchor.id}`;
    steps.demand(true, id, 'RFC 5280 §6.1', 'chain-invalid', length);
    return result;
  }
  const where = result.certificate === null ? 'the chain' : `certificate ${result.certificate}`;
  steps.demand(false, id, result.spec, result.reason, `${result.rule}: ${where}: ${result.detail}`);
}
