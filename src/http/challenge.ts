import { deviceIdOf } from '../directory/account.ts';
import type { Challenge } from '../protocol/api.ts';
import { mintNonce } from './auth/nonce.ts';
import type { AppContext } from './context.ts';
import { webauthnOptions } from './webauthn-options.ts';

/** A challenge for the evidence of a device to be: stateless, so nothing is written. */
export async function enrollmentChallenge(
  c: AppContext,
  {
    account,
    format,
    expiresAt,
  }: { readonly account: string | null; readonly format: string; readonly expiresAt: number },
): Promise<Challenge> {
  const { services } = c.var;
  const device = deviceIdOf(services.random(16));
  const nonce = { purpose: 'enrol', device, account, detail: format, expiresAt } as const;
  const token = mintNonce(services.keys.nonces, nonce, services.random(16));
  const { origin } = services.deployment;
  const options = format === 'webauthn' ? { options: await webauthnOptions(services, device) } : {};
  return { token, device, origin, expiresAt, serverNow: services.now(), ...options };
}
