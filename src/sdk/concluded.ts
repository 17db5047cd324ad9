import type { Plan } from '../directory/signature.ts';
import type { CryptoProvider } from './crypto/provider.ts';
import { CallsignError } from './errors.ts';

/** The result of a judgement whose signatures hold; anything else is an error named after what was judged. */
export async function concluded<T, R extends string>(
  crypto: CryptoProvider,
  plan: Plan<T, R> | { readonly ok: false; readonly reason: string },
  what: string,
): Promise<T> {
  const refused = (reason: string) => new CallsignError('verification', `${what}-${reason}`);
  if (!plan.ok) throw refused(plan.reason);
  const holds = await Promise.all(plan.checks.map((check) => crypto.holds(check)));
  const result = plan.conclude((_, i) => holds[i] === true);
  if (!result.ok) throw refused(result.reason);
  return result.value;
}
