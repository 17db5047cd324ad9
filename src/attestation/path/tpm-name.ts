/** The TPM's own attributes in a certificate's alternative name (TCG EK Credential Profile §3.2.9). */
import type { Certificate } from './certificate.ts';
import { attributeValues } from './name.ts';

const MANUFACTURER = '2.23.133.2.1';
const MODEL = '2.23.133.2.2';
const VERSION = '2.23.133.2.3';

export interface TpmAttributes {
  /** `id:` and eight hexadecimal digits. */
  readonly manufacturer: string;
  readonly model: string;
  readonly version: string;
}

/** The three attributes, each exactly once in one directoryName; null otherwise. */
export function tpmAttributes(certificate: Certificate): TpmAttributes | null {
  for (const name of certificate.subjectAltName ?? []) {
    if (name.kind !== 'directory') continue;
    const [manufacturer, model, version] = [MANUFACTURER, MODEL, VERSION].map((type) => {
      const values = attributeValues(name.name, type);
      return values.length === 1 ? values[0]! : null;
    });
    if (manufacturer && model && version) return { manufacturer, model, version };
  }
  return null;
}

export function hasTpmAttributes(certificate: Certificate): boolean {
  return tpmAttributes(certificate) !== null;
}
