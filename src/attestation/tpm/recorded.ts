/**
 * Statements and certificates of TPMs judged by themselves: what somebody recorded elsewhere and an operator wants
 * explained. None of them enrolls a device: a statement proves nothing until its key was activated.
 */
import { readDer, sequence, smallInteger } from '../../bytes/der.ts';
import { equal } from '../../bytes/join.ts';
import type { Checklist } from '../checklist.ts';
import { readCertificate, readCertificates } from '../path/certificate.ts';
import { judgePath } from '../path/judge.ts';
import { ek } from '../path/profiles/ek.ts';
import { strict } from '../path/profiles/strict.ts';
import { readSpki } from '../path/public-key.ts';
import type { PublicKey } from '../path/public-key.ts';
import type { Policy } from '../policy/policy.ts';
import { anchorsFor } from '../trust/judge.ts';
import type { Anchor, TrustStore } from '../trust/store.ts';
import { hashByName } from './algorithms.ts';
import { BOUND_TO_TPM, has, hasNone } from './attributes.ts';
import type { Attest } from './attest.ts';
import { readAttest, TPM_GENERATED } from './attest.ts';
import { nameOf } from './name.ts';
import type { ReadPublic } from './public.ts';
import { readPublic } from './public.ts';
import type { PcrValues } from './quote.ts';
import { judgeQuote } from './quote.ts';
import type { TpmSignature } from './signature.ts';
import { readSignature, schemeMatches, verifyUnderKey } from './signature.ts';
import { isSameKey, publicKeyOf } from './spki.ts';

const PART1 = 'TPM 2.0 Part 1';
const PART2 = 'TPM 2.0 Part 2';

export interface Statement {
  /** TPMS_ATTEST. */
  readonly statement: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
}

/** The key that signed: its public area, or only its SubjectPublicKeyInfo. */
export type Signer = { readonly public: Uint8Array } | { readonly spki: Uint8Array };

export interface Judging {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly trust: TrustStore;
  readonly policy: Policy;
}

/** TPM2_CertifyCreation of an attestation key by itself (Part 2 §10.12.7, §15.2). SHA-1 is let pass: old TPMs know nothing else. */
export async function judgeCreation(
  key: Uint8Array,
  creationData: Uint8Array,
  statement: Statement,
  steps: Checklist,
): Promise<void> {
  const signer = readSigner({ public: key }, steps);
  const { area } = signer;
  const restricted = area !== null && has(area.attributes, ...BOUND_TO_TPM, 'restricted', 'sign');
  steps.demand(
    restricted && hasNone(area.attributes, 'decrypt'),
    'tpm.attestation-key',
    `${PART2} §8.3`,
    'attributes',
    'bound to its TPM and restricted to signing',
  );
  const attested = await judgeSigned('creation', statement, signer, steps);
  const hash = hashByName(area.nameAlg);
  steps.demand(
    equal(attested.creationHash, hash.digest(creationData)),
    'tpm.creation-hash',
    `${PART2} §10.12.7`,
    'key-mismatch',
    'the statement is about this creation data',
  );
  steps.demand(equal(attested.name, nameOf(area)), 'tpm.name', `${PART1} §16`, 'key-mismatch', 'and about this key');
}

export interface RecordedQuote extends Statement {
  readonly signer: Signer;
  /** Empty where none was asked for. */
  readonly nonce: Uint8Array;
  readonly pcrs: PcrValues;
  /** DER certificates of the attestation key, leaf first; none when nothing certifies it. */
  readonly certificates: readonly Uint8Array[];
}

/** TPM2_Quote (Part 2 §10.12.4). The anchor that the attestation key's certificate ends at, or null. */
export async function judgeRecordedQuote(
  quote: RecordedQuote,
  judging: Judging,
  steps: Checklist,
): Promise<Anchor | null> {
  const signer = readSigner(quote.signer, steps);
  const quoted = await judgeSigned('quote', quote, signer, steps, quote.nonce);
  judgeQuote(quoted, quote.pcrs, null, steps);
  if (quote.certificates.length === 0) {
    steps.skip('tpm.attestation-certificate', 'RFC 5280 §6.1', 'nothing certifies the attestation key');
    return null;
  }
  const { anchor, leaf } = await judgeTpmCertificate(quote.certificates, judging, steps);
  steps.demand(
    isSameKey(leaf, signer.key),
    'tpm.attestation-certificate',
    'RFC 5280 §6.1',
    'key-mismatch',
    'the certificate is of the signer',
  );
  return anchor;
}

/** A certificate for an endorsement key, or for a signing key beside it, up to a trusted TPM maker or cloud. */
export async function judgeTpmCertificate(
  certificates: readonly Uint8Array[],
  { now, trust, policy }: Judging,
  steps: Checklist,
): Promise<{ readonly anchor: Anchor; readonly leaf: PublicKey }> {
  const first = certificates[0] ?? new Uint8Array(0);
  steps.demand(
    readCertificate(first) !== null || !isAttributeCertificate(first),
    'tpm.attribute-certificate',
    'RFC 5755 §4.1',
    'untrusted-root',
    'attribute certificates speak about platforms; no anchor is kept for who issues them',
  );
  const chain = steps.present(
    readCertificates(certificates),
    'tpm.certificates',
    'RFC 5280 §4.1',
    'malformed',
    'X.509',
  );
  const profile = chain[0]?.keyUsage?.has('digitalSignature') === true ? strict : ek;
  const query = { chain, anchors: anchorsFor(trust, 'tpm2'), intermediates: trust.intermediates, now, profile };
  const { anchor } = await judgePath(query, policy, steps);
  return { anchor, leaf: chain[0]!.key };
}

/** AttributeCertificateInfo begins with version v2, where TBSCertificate has a context tag. */
function isAttributeCertificate(der: Uint8Array): boolean {
  const [info, algorithm, signature, ...rest] = sequence(readDer(der)) ?? [];
  const [version] = sequence(info) ?? [];
  return smallInteger(version) === 1 && algorithm !== undefined && signature !== undefined && rest.length === 0;
}

interface ReadSigner {
  readonly area: ReadPublic | null;
  readonly key: PublicKey;
}

function readSigner(
  signer: { readonly public: Uint8Array },
  steps: Checklist,
): ReadSigner & { readonly area: ReadPublic };
function readSigner(signer: Signer, steps: Checklist): ReadSigner;
function readSigner(signer: Signer, steps: Checklist): ReadSigner {
  const id = 'tpm.signer';
  if ('spki' in signer) {
    const key = steps.present(readSpki(signer.spki), id, 'RFC 5280 §4.1.2.7', 'malformed', 'SubjectPublicKeyInfo');
    return { area: null, key };
  }
  const area = steps.present(readPublic(signer.public), id, `${PART2} §12.2.4`, 'malformed', 'TPMT_PUBLIC is whole');
  return { area, key: publicKeyOf(area.key) };
}

async function judgeSigned<K extends Attest['attested']['kind']>(
  kind: K,
  { statement, signature }: Statement,
  signer: ReadSigner,
  steps: Checklist,
  nonce: Uint8Array = new Uint8Array(0),
): Promise<Extract<Attest['attested'], { kind: K }>> {
  const attest = steps.present(
    readAttest(statement),
    'tpm.statement',
    `${PART2} §10.12.12`,
    'malformed',
    'TPMS_ATTEST is whole',
  );
  const signed = steps.present(
    readSignature(signature),
    'tpm.signature-structure',
    `${PART2} §11.3.4`,
    'malformed',
    'TPMT_SIGNATURE is whole',
  );
  steps.demand(attest.magic === TPM_GENERATED, 'tpm.magic', `${PART2} §6.2`, 'malformed', 'the TPM made it itself');
  steps.demand(attest.attested.kind === kind, 'tpm.type', `${PART2} §6.9`, 'malformed', `type ${attest.attested.kind}`);
  const result = await verify(signed, signer, statement);
  const reason = result.ok ? 'signature-invalid' : result.reason;
  steps.demand(result.ok, 'tpm.signature', `${PART1} §31`, reason, `${signed.scheme} with ${signed.hash}`);
  steps.demand(equal(attest.extraData, nonce), 'tpm.nonce', `${PART1} §31`, 'challenge-mismatch', 'extraData as asked');
  return attest.attested as Extract<Attest['attested'], { kind: K }>;
}

function verify(signature: TpmSignature, { area, key }: ReadSigner, statement: Uint8Array) {
  if (area !== null && !schemeMatches(signature, area)) return { ok: false, reason: 'signature-algorithm' } as const;
  return verifyUnderKey(signature, key, statement, { sha1: true });
}
