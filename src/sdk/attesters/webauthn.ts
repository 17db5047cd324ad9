import type { PublicKeyCredentialCreationOptionsJSON } from '@simplewebauthn/browser';
import { base64url } from '../../bytes/base64url.ts';
import type { CryptoProvider, SigningKey } from '../crypto/provider.ts';
import type { Attester } from '../enroll.ts';
import { CallsignError } from '../errors.ts';

export interface WebauthnAttester extends Attester {
  /** Of the credential that vouches, base64url: keep it beside the identity, and give it back at the next start. Null before there is one. */
  readonly credentialId: string | null;
}

/**
 * For pages: the browser's authenticator signs the transcript as its challenge. A WebAuthn credential signs no requests, so the
 * identity key is another one, which the credential vouches for. Both ceremonies need a gesture of the user's.
 */
export function webauthnAttester(crypto: CryptoProvider, credentialId: string | null = null): WebauthnAttester {
  let key: Promise<SigningKey> | null = null;
  let own = credentialId;
  // Loaded now, so that it is there at the gesture.
  const library = import('@simplewebauthn/browser');
  library.catch(() => undefined);
  return {
    format: 'webauthn',
    identityKey: () => (key ??= crypto.generateSigningKey()),
    async attest(transcript, { options }) {
      if (!options) throw new CallsignError('protocol', 'challenge-without-options');
      const optionsJSON = { ...options, challenge: base64url(transcript) } as PublicKeyCredentialCreationOptionsJSON;
      const { startRegistration } = await library;
      const { id, response } = await startRegistration({ optionsJSON }).catch(refused);
      own = id;
      const { attestationObject, clientDataJSON } = response;
      return { attestationObject, clientDataJSON };
    },
    async show(transcript) {
      if (own === null) throw new CallsignError('local', 'webauthn-credential-unknown');
      const allowCredentials = [{ id: own, type: 'public-key' as const }];
      const optionsJSON = { challenge: base64url(transcript), allowCredentials, userVerification: 'required' as const };
      const { startAuthentication } = await library;
      const { response } = await startAuthentication({ optionsJSON }).catch(refused);
      const { clientDataJSON, authenticatorData, signature } = response;
      return { credentialId: own, clientDataJSON, authenticatorData, signature };
    },
    get credentialId() {
      return own;
    },
  };
}

function refused(error: unknown): never {
  throw new CallsignError('local', 'webauthn-refused', { cause: error });
}
