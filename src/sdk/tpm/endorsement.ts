import { readCertificate } from '../../attestation/path/certificate.ts';
import { readPublic } from '../../attestation/tpm/public.ts';
import { isKeyOf } from '../../attestation/tpm/spki.ts';
import type { EkTemplate } from '../../attestation/tpm/templates.ts';
import { EK_TEMPLATES } from '../../attestation/tpm/templates.ts';
import { concat } from '../../bytes/join.ts';
import type { LoadedKey, Tpm } from './tpm.ts';

/** An endorsement key that the TPM's maker certified. */
export interface Endorsement {
  readonly template: EkTemplate;
  /** DER, the key's own first, then whatever intermediates the TPM carries. */
  readonly certificates: readonly Uint8Array[];
}

/** NV indices of the on-die chain (EK Credential Profile 2.6 §2.2.1.5.2). */
const CHAIN_FIRST = 0x01c00100;
const CHAIN_LAST = 0x01c001ff;

/** Elliptic curves first: they are made in milliseconds, RSA keys in seconds. */
const PREFERENCE = ['L-2', 'H-2', 'H-3', 'H-4', 'L-1', 'H-1', 'H-6', 'H-7'];

/** The first endorsement key whose certificate is in the TPM and is of that very key; some makers shipped certificates of other keys. */
export async function findEndorsement(tpm: Tpm): Promise<Endorsement | null> {
  for (const name of PREFERENCE) {
    const template = EK_TEMPLATES.find((candidate) => candidate.name === name)!;
    const stored = await tpm.readNv(template.certificateIndex);
    const [certificate] = stored ? splitCertificates(stored) : [];
    if (!certificate) continue;
    const endorsement = { template, certificates: [certificate, ...(await onDieChain(tpm))] };
    if (await withEndorsementKey(tpm, endorsement, async (key) => certifies(certificate, key))) return endorsement;
  }
  return null;
}

function certifies(certificate: Uint8Array, key: LoadedKey): boolean {
  const read = readCertificate(certificate);
  const area = readPublic(key.public);
  return read !== null && area !== null && isKeyOf(read.key, area.key);
}

async function onDieChain(tpm: Tpm): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for (let index = CHAIN_FIRST; index <= CHAIN_LAST; index++) {
    const part = await tpm.readNv(index);
    if (part === null) break;
    parts.push(part);
  }
  return splitCertificates(concat(...parts));
}

/** The DER values that `bytes` begins with: NV indices are padded, and chains are joined. A PC Client header (10 01 00, size) is passed over. */
export function splitCertificates(bytes: Uint8Array): Uint8Array[] {
  const certificates: Uint8Array[] = [];
  let at = bytes[0] === 0x10 && bytes[1] === 0x01 && bytes[2] === 0x00 ? 5 : 0;
  while (bytes[at] === 0x30 && bytes[at + 1] === 0x82) {
    const end = at + 4 + ((bytes[at + 2] ?? 0) << 8) + (bytes[at + 3] ?? 0);
    if (end > bytes.length) break;
    certificates.push(bytes.slice(at, end));
    at = end;
  }
  return certificates;
}

/** Makes the endorsement key for as long as `body` runs. */
export async function withEndorsementKey<T>(
  tpm: Tpm,
  { template }: Endorsement,
  body: (key: LoadedKey) => Promise<T>,
): Promise<T> {
  const key = await tpm.createPrimary('endorsement', template.area);
  try {
    return await body(key);
  } finally {
    await tpm.flush(key.handle);
  }
}
