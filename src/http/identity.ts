import { DORMANT_AFTER_MS } from '../actors/account/callable.ts';
import type { Expectation } from '../identity/judge.ts';
import type { Services } from './services.ts';

/** What the server accepts of an identity certificate: its own root, in force now. Revocation is the account's to say. */
export function expectation({ keys }: Services, now: number): Expectation {
  return { profile: 'call', roots: [keys.root], now, validity: 'in-force', revocations: null };
}

/** A device that slept may connect, to renew before it does anything else. */
export function dormantExpectation(services: Services, now: number): Expectation {
  return { ...expectation(services, now), validity: { dormantAfter: DORMANT_AFTER_MS } };
}
