import type { CallPolicy } from '../../calls/policy.ts';
import type { Json, Turn } from '../port.ts';

const OPEN_HOUSE: CallPolicy = { blocked: [], quietUntil: null, contactsOnly: false, contacts: [] };

/** Block list, contacts, do not disturb: what this account lets ring, and who is no stranger to it. */
export function policyOf(t: Turn): CallPolicy {
  return t.recall('account_policy', 'policy', () => {
    const kept = t.all<{ policy: string }>(`SELECT policy FROM account_policy WHERE actor = ?1`)[0];
    return kept ? (JSON.parse(kept.policy) as CallPolicy) : OPEN_HOUSE;
  });
}

export function setPolicy(t: Turn, policy: CallPolicy): Json {
  t.run(
    `INSERT INTO account_policy (actor, policy) VALUES (?1, ?2) ON CONFLICT (actor) DO UPDATE SET policy = excluded.policy`,
    JSON.stringify(policy),
  );
  return { ok: true, policy: policy as unknown as Json };
}
