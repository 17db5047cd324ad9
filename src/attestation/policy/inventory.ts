import type { Verdict } from '../verdict.ts';
import type { Policy } from './policy.ts';

/** What policy makes of an accepted device, given whether the operator's inventory lists its hardware. Refusals stay as they are. */
export function withInventory(verdict: Verdict, listed: boolean, policy: Pick<Policy, 'inventory'>): Verdict {
  if (verdict.decision !== 'accept' || policy.inventory === 'off') return verdict;
  const detail = listed ? 'the inventory lists this hardware' : 'the inventory does not list this hardware';
  const outcome = listed ? 'pass' : 'fail';
  const checks = [...verdict.checks, { id: 'policy.inventory', spec: 'policy inventory', outcome, detail } as const];
  if (listed) return { ...verdict, checks };
  const decision = policy.inventory === 'prefer' ? 'hold' : 'refuse';
  return { ...verdict, decision, reason: 'not-in-inventory', checks };
}
