/** Packed attestation (WebAuthn L3 §8.2): an attestation key of the authenticator's maker signs. */
import { type Cbor, cborBytes, cborMap } from '../../bytes/cbor.ts';
import { octetString, readDer } from '../../bytes/der.ts';
import { equal } from '../../bytes/join.ts';
import type { Checklist } from '../checklist.ts';
import type { Certificate } from '../path/certificate.ts';
import { attributeValues } from '../path/name.ts';
import { strict } from '../path/profiles/strict.ts';
import { readSpki } from '../path/public-key.ts';
import { judgeAuthenticator } from '../trust/authenticator.ts';
import { aaguidText } from '../webauthn/authenticator-data.ts';
import { hasExactly, readX5c } from '../webauthn/fields.ts';
import { judgeSignature } from '../webauthn/signed.ts';
import type { Judging, Registration, StatementFinding, StatementFormat } from '../webauthn/statement.ts';

export interface PackedStatement {
  readonly algorithm: number;
  readonly signature: Uint8Array<ArrayBuffer>;
  /** Null is self attestation. */
  readonly chain: readonly Certificate[] | null;
}

export const packed: StatementFormat<PackedStatement> = {
  id: 'packed',
  read: readPacked,
  verify: (statement, registration, judging, steps) => verifyPacked('packed', statement, registration, judging, steps),
};

/** Step 1; `ecdaaKeyId` of older levels is not read. */
export function readPacked(statement: Cbor): PackedStatement | null {
  const fields = cborMap(statement);
  const algorithm = fields?.get('alg');
  const signature = cborBytes(fields?.get('sig'));
  if (fields === null || typeof algorithm !== 'number' || signature === null) return null;
  if (hasExactly(fields, 'alg', 'sig')) return { algorithm, signature, chain: null };
  const chain = readX5c(fields.get('x5c'));
  return chain !== null && hasExactly(fields, 'alg', 'sig', 'x5c') ? { algorithm, signature, chain } : null;
}

export async function verifyPacked(
  format: 'packed' | 'development',
  { algorithm, signature, chain }: PackedStatement,
  registration: Registration,
  judging: Judging,
  steps: Checklist,
): Promise<StatementFinding> {
  const signed = { algorithm, signature, data: registration.signed };
  if (chain === null) return verifySelf(signed, registration, judging, steps);
  const certificate = chain[0]!;

  // Step 2.1: the attestation key signed authenticatorData || clientDataHash with `alg`.
  const spec = 'WebAuthn L3 §8.2 step 2';
  await judgeSignature({ ...signed, key: certificate.key }, 'packed.signature', spec, steps);

  // Step 2.2: the attestation certificate is what §8.2.1 asks for.
  judgeCertificate(certificate, steps);

  // Step 2.3: an AAGUID in the certificate is the AAGUID of the authenticator data.
  const proven = judgeAaguid(certificate, registration, steps);

  // §7.1 steps 23 and 24: the path ends at an anchor that speaks for this authenticator.
  const { anchor, hardware } = await judgeAuthenticator(
    { format, profile: strict, chain, aaguid: registration.credential.aaguid, proven },
    judging,
    steps,
  );
  return { attestedKeyHardware: hardware, freshness: 'challenge', trustAnchor: anchor.id };
}

/** Step 3: self attestation proves possession of the credential key and nothing about where it lives. */
async function verifySelf(
  signed: { readonly algorithm: number; readonly signature: Uint8Array; readonly data: Uint8Array },
  { key }: Registration,
  { policy }: Judging,
  steps: Checklist,
): Promise<StatementFinding> {
  const spec = 'WebAuthn L3 §8.2 step 3';
  steps.demand(
    key.ok,
    'packed.self-key',
    spec,
    key.ok ? 'malformed' : key.reason,
    'credential key is of a kind that can be checked',
  );
  steps.demand(
    signed.algorithm === key.algorithm,
    'packed.self-algorithm',
    spec,
    'signature-algorithm',
    `alg ${signed.algorithm} is the credential key's ${key.algorithm}`,
  );
  const credential = steps.present(
    readSpki(key.spki),
    'packed.self-key-info',
    spec,
    'malformed',
    'credential key reads',
  );
  await judgeSignature({ ...signed, key: credential }, 'packed.self-signature', spec, steps);
  steps.demand(
    policy.webauthn.selfAttestation,
    'packed.self-attestation',
    'WebAuthn L3 §7.1 step 24',
    'self-attestation',
    'signed by the credential key itself: no proof of hardware',
  );
  return { attestedKeyHardware: 'software', freshness: 'challenge' };
}

const COUNTRY = '2.5.4.6';
const ORGANIZATION = '2.5.4.10';
const UNIT = '2.5.4.11';
const COMMON_NAME = '2.5.4.3';

/** §8.2.1. */
function judgeCertificate(certificate: Certificate, steps: Checklist): void {
  const spec = 'WebAuthn L3 §8.2.1';
  const one = (type: string) => {
    const values = attributeValues(certificate.subject, type);
    return values.length === 1 ? values[0]! : null;
  };
  const country = one(COUNTRY);
  steps.demand(certificate.version === 3, 'packed.version', spec, 'attributes', `X.509 version ${certificate.version}`);
  steps.demand(
    country !== null && /^[A-Z]{2}$/.test(country),
    'packed.subject-country',
    spec,
    'attributes',
    `subject C is ${country}: an ISO 3166 code`,
  );
  steps.demand(Boolean(one(ORGANIZATION)), 'packed.subject-organization', spec, 'attributes', 'subject O is present');
  steps.demand(
    one(UNIT) === 'Authenticator Attestation',
    'packed.subject-unit',
    spec,
    'attributes',
    'subject OU is `Authenticator Attestation`',
  );
  steps.demand(Boolean(one(COMMON_NAME)), 'packed.subject-name', spec, 'attributes', 'subject CN is present');
  steps.demand(
    certificate.basicConstraints?.ca === false,
    'packed.not-a-ca',
    spec,
    'attributes',
    'basicConstraints are present with CA false',
  );
}

const AAGUID_EXTENSION = '1.3.6.1.4.1.45724.1.1.4';

/** Whether the certificate proves the AAGUID; without the extension the AAGUID stays a claim. */
function judgeAaguid(certificate: Certificate, { credential }: Registration, steps: Checklist): boolean {
  const spec = 'WebAuthn L3 §8.2 step 2, §8.2.1';
  const extension = certificate.extensions.get(AAGUID_EXTENSION);
  if (extension === undefined) {
    steps.skip('packed.aaguid', spec, 'the certificate carries no AAGUID');
    return false;
  }
  steps.demand(
    !extension.critical,
    'packed.aaguid-critical',
    spec,
    'attributes',
    'the AAGUID extension is not critical',
  );
  const der = readDer(extension.value);
  const value = der === null ? null : octetString(der);
  steps.demand(
    value !== null && equal(value, credential.aaguid),
    'packed.aaguid',
    spec,
    'aaguid-refused',
    `the certificate speaks for AAGUID ${aaguidText(credential.aaguid)}`,
  );
  return true;
}
