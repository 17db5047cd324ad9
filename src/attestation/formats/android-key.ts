/** Android Key attestation of a WebAuthn credential (WebAuthn L3 §8.4): the credential key is a Keystore key. */
import { cborBytes, cborMap } from '../../bytes/cbor.ts';
import { equal } from '../../bytes/join.ts';
import { demandKeyDescription, judgeKeyDescription, judgeStatus } from '../android/judge.ts';
import type { Checklist } from '../checklist.ts';
import type { Certificate } from '../path/certificate.ts';
import { judgePath } from '../path/judge.ts';
import { android } from '../path/profiles/android.ts';
import { recordPath } from '../trust/chain.ts';
import { anchorsFor } from '../trust/judge.ts';
import { hasExactly, readX5c } from '../webauthn/fields.ts';
import { judgeSignature } from '../webauthn/signed.ts';
import type { StatementFormat } from '../webauthn/statement.ts';

interface AndroidKeyStatement {
  readonly algorithm: number;
  readonly signature: Uint8Array<ArrayBuffer>;
  readonly chain: readonly Certificate[];
}

export const androidKey: StatementFormat<AndroidKeyStatement> = {
  id: 'android-key',

  // "Verify that attStmt is valid CBOR conforming to the syntax."
  read(statement) {
    const fields = cborMap(statement);
    const algorithm = fields?.get('alg');
    const signature = cborBytes(fields?.get('sig'));
    const chain = readX5c(fields?.get('x5c'));
    if (fields === null || typeof algorithm !== 'number' || signature === null || chain === null) return null;
    return hasExactly(fields, 'alg', 'sig', 'x5c') ? { algorithm, signature, chain } : null;
  },

  async verify({ algorithm, signature, chain }, registration, { now, listsAt, trust, policy }, steps: Checklist) {
    const spec = 'WebAuthn L3 §8.4';
    const leaf = chain[0]!;

    // "Verify that sig is a valid signature … using the public key in the first certificate in x5c."
    const signed = { algorithm, key: leaf.key, data: registration.signed, signature };
    await judgeSignature(signed, 'android-key.signature', spec, steps);

    // "Verify that the public key in the first certificate in x5c matches the credentialPublicKey": byte for byte.
    steps.demand(
      registration.key.ok && equal(leaf.spki, registration.key.spki),
      'android-key.key',
      spec,
      'key-mismatch',
      'the certificate is for the credential key',
    );

    // §7.1 steps 23 and 24, before the record is believed: it is worth what its chain is worth.
    const anchors = anchorsFor(trust, 'android-key');
    const { path, anchor } = await judgePath({ chain, anchors, now, profile: android }, policy, steps);
    recordPath(path, steps);
    judgeStatus([...chain.slice(1), anchor.certificate], trust, policy, listsAt, steps);

    // "Verify that the attestationChallenge field … is identical to clientDataHash."
    const description = demandKeyDescription(leaf, steps);
    steps.demand(
      equal(description.challenge, registration.clientDataHash),
      'android-key.challenge',
      spec,
      'challenge-mismatch',
      'attestationChallenge is the hash of clientDataJSON',
    );

    // "Verify the following using the appropriate authorization list": scope, origin, purpose; and what policy asks of the phone.
    const finding = judgeKeyDescription(description, path, policy, steps);
    return { ...finding, freshness: 'challenge', trustAnchor: anchor.id };
  },
};
