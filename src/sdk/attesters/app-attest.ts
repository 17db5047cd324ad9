import { base64url } from '../../bytes/base64url.ts';
import type { Bytes, CryptoProvider, SigningKey } from '../crypto/provider.ts';
import type { Attester } from '../enroll.ts';

/** DCAppAttestService, as the application's native side offers it. */
export interface AppAttestService {
  /** generateKey, then attestKey(keyId, clientDataHash) with these 32 bytes. `keyId` is standard base64, as Apple gives it. */
  attest(clientDataHash: Bytes): Promise<{ readonly keyId: string; readonly attestationObject: Bytes }>;
  /** generateAssertion(keyId, clientDataHash) by the key that was attested. */
  assert(clientDataHash: Bytes): Promise<Bytes>;
}

/** App Attest keys sign no requests: the identity key is another one, which the attested key vouches for. */
export function appAttestAttester(crypto: CryptoProvider, service: AppAttestService): Attester {
  let key: Promise<SigningKey> | null = null;
  return {
    format: 'app-attest',
    identityKey: () => (key ??= crypto.generateSigningKey()),
    async attest(transcript) {
      const { keyId, attestationObject } = await service.attest(await crypto.sha256(transcript));
      const bare = keyId.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
      return { attestationObject: base64url(attestationObject), keyId: bare };
    },
    async show(transcript) {
      return { assertion: base64url(await service.assert(await crypto.sha256(transcript))) };
    },
    silent: true,
  };
}
