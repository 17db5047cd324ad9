import { base64url } from '../../bytes/base64url.ts';
import type { Bytes, SigningKey } from '../crypto/provider.ts';
import type { Attester } from '../enroll.ts';

/** A key of Android Keystore, as the application's native side holds it: EC P-256, SIGN, SHA-256. */
export interface KeystoreKey extends SigningKey {
  /** KeyStore.getCertificateChain(), DER, leaf first. */
  readonly certificateChain: readonly Bytes[];
}

/**
 * `generate` makes a key with `setAttestationChallenge(challenge)`: the identity key itself, or one that is thrown away again, whose
 * chain shows the phone as it is now.
 */
export function androidKeystoreAttester(
  generate: (challenge: Bytes, use: 'identity' | 'posture') => Promise<KeystoreKey>,
): Attester {
  let key: Promise<KeystoreKey> | null = null;
  return {
    format: 'android-keystore',
    identityKey: (challenge) => (key = generate(challenge, 'identity')),
    async attest() {
      const { certificateChain } = await key!;
      return { certificateChain: certificateChain.map((der) => base64url(der)) };
    },
    async show(transcript) {
      const { certificateChain } = await generate(transcript, 'posture');
      return { certificateChain: certificateChain.map((der) => base64url(der)) };
    },
    silent: true,
  };
}
