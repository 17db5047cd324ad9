/** Apple's own extensions in the certificate of an App Attest key. */
import { type Der, explicit, isContext, octetString, readDer, sequence } from '../../bytes/der.ts';
import { fromUtf8 } from '../../bytes/utf8.ts';
import type { Certificate } from '../path/certificate.ts';

const NONCE = '1.2.840.113635.100.8.2';
const SYSTEM = '1.2.840.113635.100.8.7';
const SYSTEM_VERSION = 1400;

/** The one octet string in a sequence, under an explicit [1]; null when the extension is absent or of another shape. */
export function appleNonce(certificate: Certificate): Uint8Array | null {
  const extension = certificate.extensions.get(NONCE);
  const fields = extension === undefined ? null : sequence(readDer(extension.value));
  if (fields?.length !== 1 || !isContext(fields[0], 1)) return null;
  return octetString(explicit(fields[0]) ?? undefined);
}

/** The operating system's version, for the record: Apple does not document the extension. */
export function systemVersion(certificate: Certificate): string | null {
  const extension = certificate.extensions.get(SYSTEM);
  const fields: readonly Der[] = (extension === undefined ? null : sequence(readDer(extension.value))) ?? [];
  const version = fields.find((field) => isContext(field, SYSTEM_VERSION));
  const bytes = octetString(explicit(version) ?? undefined);
  return bytes === null || bytes.length > 32 ? null : fromUtf8(bytes);
}
