/** Fields that several attestation statements share. */
import { type Cbor, type CborMap, cborBytes } from '../../bytes/cbor.ts';
import { type Certificate, readCertificates } from '../path/certificate.ts';

/** Certificates in one statement, chain or receipt. */
export const LONGEST_CHAIN = 10;

/** x5c: at least one certificate, each a readable one; `repair` is for the known mistakes of one maker. */
export function readX5c(
  value: Cbor | undefined,
  repair: (der: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer> = (der) => der,
): readonly Certificate[] | null {
  if (!Array.isArray(value) || value.length === 0 || value.length > LONGEST_CHAIN) return null;
  const chain = (value as readonly Cbor[]).map(cborBytes);
  return chain.every((der) => der !== null) ? readCertificates(chain.map(repair)) : null;
}

/** Whether the map has exactly these members. */
export function hasExactly(map: CborMap, ...names: readonly string[]): boolean {
  return map.size === names.length && names.every((name) => map.has(name));
}
