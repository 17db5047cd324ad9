import { base64url } from '../../bytes/base64url.ts';
import type { Bytes, SigningKey } from '../crypto/provider.ts';
import type { Attester } from '../enroll.ts';

/** A key of Android Keystore, as the application's native side holds it: EC P-256, SIGN, SHA-256. */
export interface KeystoreKey extends SigningKey {
  /** KeyStore.getCertificateChain(), DER, leaf first. */
  readonly certificateChain: readonly Bytes[];
}

/** `generate` makes the key with `setAttestationChallenge(challenge)`; the key itself is the identity key. */
export function androidKeystoreAttester(generate: (challenge: Bytes) => Promise<KeystoreKey>): Attester {
  let key: Promise<KeystoreKey> | null = null;
  return {
    format: 'android-keystore',
    identityKey: (challenge) => (key = generate(challenge)),
    async attest() {
      const { certificateChain } = await key!;
      return { certificateChain: certificateChain.map((der) => base64url(der)) };
    },
  };
}
