/**
 * WebAuthn `tpm` (L3 §8.3), what Windows Hello makes: an attestation identity key that Microsoft's authority certified
 * states that the credential key is in the same TPM.
 */
import { type Cbor, cborBytes, cborMap } from '../../bytes/cbor.ts';
import { octetString, readDer } from '../../bytes/der.ts';
import { equal } from '../../bytes/join.ts';
import type { Checklist } from '../checklist.ts';
import type { Certificate } from '../path/certificate.ts';
import { aik } from '../path/profiles/aik.ts';
import { tpmAttributes } from '../path/tpm-name.ts';
import { hashByName } from '../tpm/algorithms.ts';
import { readAttest, TPM_GENERATED } from '../tpm/attest.ts';
import { gradeTpm } from '../tpm/grade.ts';
import { credentialKeyProblem } from '../tpm/keys.ts';
import { nameOf } from '../tpm/name.ts';
import type { ReadPublic } from '../tpm/public.ts';
import { readPublic } from '../tpm/public.ts';
import { spkiOf } from '../tpm/spki.ts';
import { judgeAuthenticator } from '../trust/authenticator.ts';
import type { Anchor } from '../trust/store.ts';
import { coseAlgorithm } from '../webauthn/algorithms.ts';
import { hasExactly, readX5c } from '../webauthn/fields.ts';
import { judgeSignature } from '../webauthn/signed.ts';
import type { Judging, Registration, StatementFinding, StatementFormat } from '../webauthn/statement.ts';

export interface TpmStatement {
  readonly algorithm: number;
  readonly chain: readonly Certificate[];
  /** What browsers put here is the bare signature: DER for ECDSA, PKCS #1 octets for RSA, not TPMT_SIGNATURE as §8.3 says. */
  readonly signature: Uint8Array<ArrayBuffer>;
  /** TPMS_ATTEST. */
  readonly certInfo: Uint8Array<ArrayBuffer>;
  /** TPMT_PUBLIC. */
  readonly pubArea: Uint8Array<ArrayBuffer>;
}

/** RSASSA-PKCS1-v1_5 with SHA-1 (RFC 8812 §2). */
const RS1 = -65535;
/** Windows signs with SHA-1 to this day, so this authority's attestation keys may; nobody else's, and no credential key. */
const SHA1_ANCHOR = 'microsoft-tpm-root-ca-2014';
const AAGUID_EXTENSION = '1.3.6.1.4.1.45724.1.1.4';

export const tpm: StatementFormat<TpmStatement> = {
  id: 'tpm',

  // Step 1.
  read(statement: Cbor): TpmStatement | null {
    const fields = cborMap(statement);
    if (fields === null || !hasExactly(fields, 'ver', 'alg', 'x5c', 'sig', 'certInfo', 'pubArea')) return null;
    const algorithm = fields.get('alg');
    const chain = readX5c(fields.get('x5c'));
    const [signature, certInfo, pubArea] = ['sig', 'certInfo', 'pubArea'].map((name) => cborBytes(fields.get(name)));
    if (fields.get('ver') !== '2.0' || typeof algorithm !== 'number' || chain === null) return null;
    return signature && certInfo && pubArea ? { algorithm, chain, signature, certInfo, pubArea } : null;
  },

  async verify(
    statement: TpmStatement,
    registration: Registration,
    judging: Judging,
    steps: Checklist,
  ): Promise<StatementFinding> {
    const spec = (step: number): string => `WebAuthn L3 §8.3 step ${step}`;
    const { algorithm, chain, signature, certInfo, pubArea } = statement;
    const aikCertificate = chain[0]!;

    // Step 2: parameters and unique of pubArea are the credential key. Compared as keys: coordinates may lack leading zeros.
    const area = steps.present(
      readPublic(pubArea),
      'tpm.pub-area',
      spec(2),
      'malformed',
      'pubArea is a whole TPMT_PUBLIC',
    );
    judgeCredentialKey(area, registration, steps);

    // Step 3: attToBeSigned is authenticatorData || clientDataHash.
    const attToBeSigned = registration.signed;

    // Step 4: x5c is there (step 1); aikCert is as §8.3.1 asks and its path ends at a trusted anchor; its AAGUID, if any.
    const anchor = await judgeAik(statement, registration, judging, steps);

    // Step 4, last: sig is by the attestation identity key, over certInfo, with alg.
    const sha1 = algorithm === RS1 && anchor.id === SHA1_ANCHOR;
    const signed = { algorithm, key: aikCertificate.key, data: certInfo, signature };
    await judgeSignature(signed, 'tpm.signature', spec(4), steps, { sha1 });

    // Step 5: certInfo.
    const attest = steps.present(
      readAttest(certInfo),
      'tpm.cert-info',
      spec(5),
      'malformed',
      'certInfo is a whole TPMS_ATTEST',
    );
    steps.demand(attest.magic === TPM_GENERATED, 'tpm.magic', spec(5), 'malformed', 'magic is TPM_GENERATED_VALUE');
    const { attested } = attest;
    steps.demand(attested.kind === 'certify', 'tpm.type', spec(5), 'malformed', 'type is TPM_ST_ATTEST_CERTIFY');
    steps.demand(
      equal(attest.extraData, digestOf(algorithm, attToBeSigned)),
      'tpm.extra-data',
      spec(5),
      'challenge-mismatch',
      'extraData is the hash of attToBeSigned',
    );
    steps.demand(
      equal(attested.name, nameOf(area)),
      'tpm.name',
      spec(5),
      'key-mismatch',
      'name is the Name of pubArea, by its own nameAlg',
    );

    // Beyond §8.3: the key can be nowhere else. Without these attributes the TPM would also certify an exportable key.
    const problem = credentialKeyProblem(area);
    steps.demand(
      problem === null,
      problem === null ? 'tpm.attributes' : `tpm.attributes-${problem.rule}`,
      'TPM 2.0 Part 2 §8.3',
      problem?.reason ?? 'attributes',
      problem === null
        ? 'the credential key was made in the TPM and stays there'
        : `the credential key ${problem.detail}`,
    );

    // Step 6. SHA-1 proves less, so it is not graded by the maker.
    const named = tpmAttributes(aikCertificate);
    steps.fact('tpm', named && { ...named });
    steps.fact('attestationAlgorithm', algorithm);
    const graded = gradeTpm(anchor, named?.manufacturer ?? null);
    const attestedKeyHardware = sha1 ? 'tpm' : graded;
    return { attestedKeyHardware, freshness: 'challenge', trustAnchor: anchor.id };
  },
};

/** Step 2. A credential key that could not be read is refused by its own reason when the statement has been judged (§7.1 step 20). */
function judgeCredentialKey(area: ReadPublic, { key }: Registration, steps: Checklist): void {
  const spec = 'WebAuthn L3 §8.3 step 2';
  if (!key.ok) return steps.skip('tpm.credential-key', spec, `the credential key is of no allowed kind: ${key.reason}`);
  const same = equal(spkiOf(area.key), key.spki);
  steps.demand(same, 'tpm.credential-key', spec, 'key-mismatch', 'pubArea is the credential key');
}

/** §8.3.1 through the profile `aik`; then the AAGUID, which a certificate may carry and an anchor may be bound to. */
async function judgeAik(
  { chain }: TpmStatement,
  { credential }: Registration,
  judging: Judging,
  steps: Checklist,
): Promise<Anchor> {
  const { anchor } = await judgeAuthenticator(
    { format: 'tpm', profile: aik, chain, aaguid: credential.aaguid, proven: true },
    judging,
    steps,
  );
  judgeVendor(chain[0]!, judging, steps);
  const extension = chain[0]!.extensions.get(AAGUID_EXTENSION);
  const spec = 'WebAuthn L3 §8.3 step 4';
  if (extension === undefined) {
    steps.skip('tpm.aaguid', spec, 'the certificate carries no AAGUID');
    return anchor;
  }
  const der = readDer(extension.value);
  const value = der === null ? null : octetString(der);
  const matches = value !== null && equal(value, credential.aaguid);
  steps.demand(matches, 'tpm.aaguid', spec, 'aaguid-refused', 'the AAGUID in the certificate is the one in the data');
  return anchor;
}

function judgeVendor(certificate: Certificate, { policy }: Judging, steps: Checklist): void {
  const manufacturer = tpmAttributes(certificate)?.manufacturer;
  steps.rule(
    manufacturer === undefined || !policy.tpm.vendorsDeny.includes(manufacturer),
    'tpm.vendor',
    'policy tpm.vendorsDeny',
    'vendor-refused',
    `manufacturer ${manufacturer ?? 'not named'}`,
  );
}

/** The hash that `alg` signs with; algorithms that name none end at the signature. */
function digestOf(algorithm: number, data: Uint8Array): Uint8Array {
  const named = coseAlgorithm(algorithm);
  const hash = named !== null && 'hash' in named ? named.hash : null;
  const names = { 'SHA-1': 'sha1', 'SHA-256': 'sha256', 'SHA-384': 'sha384', 'SHA-512': 'sha512' } as const;
  return hash === null ? new Uint8Array(0) : hashByName(names[hash]).digest(data);
}
