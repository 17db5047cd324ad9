import type { Certificate } from '../path/certificate.ts';
import type { FormatId, Reason } from '../verdict.ts';

/** `hardware` anchors stand for physical devices; `virtual-tpm` for clouds and hypervisors; `metadata` signs lists and receipts. */
export type AnchorClass = 'hardware' | 'virtual-tpm' | 'software' | 'metadata' | 'development' | 'test';

/** One anchor: data with provenance. Validity is judged by the path profile that uses it. */
export interface Anchor {
  readonly id: string;
  /** Read once, when the store is made: a verdict compares names and keys, it parses no anchor. */
  readonly certificate: Certificate;
  readonly class: AnchorClass;
  readonly formats: readonly FormatId[];
  readonly vendor: string;
  /** WebAuthn authenticators this anchor speaks for; empty when it is not bound to AAGUIDs. */
  readonly aaguids: readonly string[];
  readonly source: string;
  /** Why a policy that does not take this class refuses, where the class does not say it. */
  readonly refusal?: Reason;
}

/** Everything the verifier trusts and every list it consults, as data from outside. */
export interface TrustStore {
  readonly anchors: readonly Anchor[];
  /** Intermediates that evidence may omit (TPM vendors publish them apart). */
  readonly intermediates: readonly Certificate[];
  /** FIDO Metadata Service entries by AAGUID, after the BLOB verified; null when none was imported. */
  readonly metadata: MetadataList | null;
  /** Android attestation status list by serial; null when none was imported. */
  readonly androidStatus: AndroidStatusList | null;
}

export interface MetadataList {
  readonly no: number;
  /** Milliseconds since 1970. */
  readonly fetchedAt: number;
  readonly nextUpdate: number;
  readonly entries: ReadonlyMap<string, MetadataEntry>;
}

export interface MetadataEntry {
  readonly aaguid: string;
  readonly description: string;
  readonly roots: readonly MetadataRoot[];
  readonly statusReports: readonly MetadataStatus[];
  /** FIDO key-protection names, e.g. `hardware`, `tee`, `secure_element`, `remote_handle`. */
  readonly keyProtection: readonly string[];
  readonly attestationTypes: readonly string[];
}

/** Read when a verdict needs it: a list has hundreds, a verdict two. */
export interface MetadataRoot {
  /** DER. */
  readonly certificate: Uint8Array;
  /** The list names this certificate for other authenticators too, so it alone does not prove which one it was. */
  readonly shared: boolean;
}

/** FIDO MDS 3.1 §3.1.3; times in milliseconds since 1970. */
export interface MetadataStatus {
  readonly status: string;
  readonly effectiveAt: number | null;
  readonly sunsetAt: number | null;
  /** The attestation certificate (DER) that the report is about; null when it is about all of the model. */
  readonly certificate: Uint8Array | null;
}

export interface AndroidStatusList {
  readonly fetchedAt: number;
  /** Serial in lowercase hexadecimal without leading zeros -> status. */
  readonly entries: ReadonlyMap<string, { readonly status: 'REVOKED' | 'SUSPENDED'; readonly reason: string }>;
}
