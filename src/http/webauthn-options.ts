import type { WebauthnOptions } from '../protocol/api.ts';
import { CHALLENGE_MS } from '../protocol/api.ts';
import { deviceBytes } from '../directory/account.ts';
import type { Services } from './services.ts';

/** Stands where the transcript will: only the client has the key and the account that go into it. */
const NO_CHALLENGE = new Uint8Array(32);

/**
 * What a page asks navigator.credentials.create for, so that what comes back can be accepted by the policy in force: its
 * algorithms, user verification, an attestation, and a credential that stays where it was made. The library makes options and
 * decides nothing; it is loaded when the first page asks, so that no start-up pays for the verifiers that it brings along.
 */
export async function webauthnOptions(
  { deployment, policy }: Pick<Services, 'deployment' | 'policy'>,
  device: string,
): Promise<WebauthnOptions> {
  const { generateRegistrationOptions } = await import('@simplewebauthn/server');
  const { challenge: _none, ...options } = await generateRegistrationOptions({
    rpName: deployment.rpId,
    rpID: deployment.rpId,
    userName: device,
    userID: deviceBytes(device) ?? new Uint8Array(),
    challenge: NO_CHALLENGE,
    timeout: CHALLENGE_MS,
    attestationType: 'direct',
    authenticatorSelection: {
      residentKey: 'discouraged',
      userVerification: policy.webauthn.userVerification ? 'required' : 'preferred',
    },
    supportedAlgorithmIDs: [...policy.webauthn.algorithms],
  });
  return options as WebauthnOptions;
}
