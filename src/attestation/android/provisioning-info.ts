/** ProvisioningInfo (extension 1.3.6.1.4.1.11129.2.1.30 of a remotely provisioned attestation certificate): a CBOR map. */
import { CBOR_LIMITS, cborMap, readCbor } from '../../bytes/cbor.ts';

const CERTIFICATES_ISSUED = 1;

/** Certificates issued to this device in the last 30 days, a sign of key farming when high; null when it does not say. */
export function certificatesIssued(extension: Uint8Array): number | null {
  const map = cborMap(readCbor(extension, { ...CBOR_LIMITS, bytes: 1024 }));
  const issued = map?.get(CERTIFICATES_ISSUED);
  return typeof issued === 'number' ? issued : null;
}
