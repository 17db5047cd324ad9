/** Apple anonymous attestation (WebAuthn L3 §8.8): a certificate for the credential key, made for this one challenge. Legacy. */
import { sha256 } from '@noble/hashes/sha2.js';
import { cborMap } from '../../bytes/cbor.ts';
import { equal } from '../../bytes/join.ts';
import { appleNonce } from '../apple/credential.ts';
import type { Checklist } from '../checklist.ts';
import type { Certificate } from '../path/certificate.ts';
import { apple as appleProfile } from '../path/profiles/apple.ts';
import { judgeChain } from '../trust/chain.ts';
import { hasExactly, readX5c } from '../webauthn/fields.ts';
import type { StatementFormat } from '../webauthn/statement.ts';

export const apple: StatementFormat<readonly Certificate[]> = {
  id: 'apple',

  // Step 1; devices of the format's first months named an `alg` beside, which signs nothing.
  read(statement) {
    const fields = cborMap(statement);
    const known = fields !== null && (hasExactly(fields, 'x5c') || hasExactly(fields, 'alg', 'x5c'));
    return known ? readX5c(fields.get('x5c')) : null;
  },

  async verify(chain, registration, judging, steps: Checklist) {
    const certificate = chain[0]!;

    // Steps 2 and 3: nonce = SHA-256(authenticatorData || clientDataHash).
    const nonce = sha256(registration.signed);

    // Step 4.
    const carried = appleNonce(certificate);
    steps.demand(
      carried !== null && equal(carried, nonce),
      'apple.nonce',
      'WebAuthn L3 §8.8 step 4',
      carried === null ? 'malformed' : 'challenge-mismatch',
      'the certificate carries the nonce of this registration',
    );

    // Step 5: byte for byte, so that algorithm and curve are compared with the point.
    steps.demand(
      registration.key.ok && equal(certificate.spki, registration.key.spki),
      'apple.key',
      'WebAuthn L3 §8.8 step 5',
      'key-mismatch',
      'the certificate is for the credential key',
    );

    // Step 6, and §7.1 steps 23 and 24.
    const anchor = await judgeChain({ format: 'apple', profile: appleProfile, chain }, judging, steps);
    return { attestedKeyHardware: 'secure-enclave', freshness: 'challenge', trustAnchor: anchor.id };
  },
};
