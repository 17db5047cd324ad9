import type * as v from 'valibot';
import { PolicyDocument } from '../protocol/api.ts';
import type { IdentifiedApi } from './api.ts';

/** What the account lets ring: who is blocked, who is known, do not disturb. The same on all its devices. */
export type Policy = v.InferOutput<typeof PolicyDocument>;

export function readPolicy(api: IdentifiedApi, signal?: AbortSignal): Promise<Policy> {
  return api.ask(PolicyDocument, { method: 'GET', path: '/v1/policy', signal });
}

export function writePolicy(api: IdentifiedApi, policy: Policy, signal?: AbortSignal): Promise<Policy> {
  return api.ask(PolicyDocument, { method: 'PUT', path: '/v1/policy', body: policy, repeatable: true, signal });
}

/** Puts an account on the block list or takes it off. Whoever is blocked hears a ring and is never told. */
export async function setBlocked(
  api: IdentifiedApi,
  account: string,
  blocked: boolean,
  signal?: AbortSignal,
): Promise<Policy> {
  const policy = await readPolicy(api, signal);
  const others = policy.blocked.filter((one) => one !== account);
  return writePolicy(api, { ...policy, blocked: blocked ? [...others, account] : others }, signal);
}
