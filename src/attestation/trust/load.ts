/** The trust store that ships, as the verifier takes it. */
import { fromBase64url } from '../../bytes/base64url.ts';
import { type Certificate, readCertificate } from '../path/certificate.ts';
import { anchorRecords, intermediateRecords } from './anchors/index.ts';
import type { AnchorRecord } from './anchors/record.ts';
import type { Anchor, TrustStore } from './store.ts';

export function loadAnchor(record: AnchorRecord): Anchor {
  const { id, formats, vendor, aaguids, source } = record;
  const certificate = decoded(record.id, record.certificate);
  const shape = { id, class: record.class, formats, vendor, aaguids, source, certificate };
  return record.refusal === undefined ? shape : { ...shape, refusal: record.refusal };
}

/** Built-in anchors and intermediates, no lists: those arrive as data (`metadata`, `androidStatus`), as do further anchors. */
export function builtInTrust(
  lists: Partial<Pick<TrustStore, 'metadata' | 'androidStatus'>> = {},
  further: readonly Anchor[] = [],
): TrustStore {
  let read: readonly Certificate[] | null = null;
  return {
    anchors: [...anchorRecords.map(loadAnchor), ...further],
    /** Three quarters of the store, and only TPM evidence asks for them. */
    get intermediates() {
      read ??= intermediateRecords.map((record) => decoded(record.subject, record.certificate));
      return read;
    },
    metadata: lists.metadata ?? null,
    androidStatus: lists.androidStatus ?? null,
  };
}

/** Shipped data that does not decode is a broken build, not bad input. */
function decoded(name: string, text: string): Certificate {
  const bytes = fromBase64url(text);
  const certificate = bytes === null ? null : readCertificate(bytes);
  if (certificate === null) throw new Error(`trust store: ${name} is no certificate`);
  return certificate;
}
