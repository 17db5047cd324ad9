import { type PublicKeyCredentialCreationOptionsJSON, startRegistration } from '@simplewebauthn/browser';
import { base64url } from '../../bytes/base64url.ts';
import type { CryptoProvider, SigningKey } from '../crypto/provider.ts';
import type { Attester } from '../enroll.ts';
import { CallsignError } from '../errors.ts';

/**
 * For pages: the browser's authenticator signs the transcript as its challenge. A WebAuthn credential signs no requests, so the
 * identity key is another one, which the credential vouches for.
 */
export function webauthnAttester(crypto: CryptoProvider): Attester {
  let key: Promise<SigningKey> | null = null;
  return {
    format: 'webauthn',
    identityKey: () => (key ??= crypto.generateSigningKey()),
    async attest(transcript, { options }) {
      if (!options) throw new CallsignError('protocol', 'challenge-without-options');
      const optionsJSON = { ...options, challenge: base64url(transcript) } as PublicKeyCredentialCreationOptionsJSON;
      const { response } = await startRegistration({ optionsJSON }).catch((error: unknown) => {
        throw new CallsignError('local', 'webauthn-refused', { cause: error });
      });
      const { attestationObject, clientDataJSON } = response;
      return { attestationObject, clientDataJSON };
    },
  };
}
