import type { FormatId, KeyHardware } from '../verdict.ts';

/** A validated policy document. docs/policy.md explains every field; `version` goes into every verdict. */
export interface Policy {
  readonly version: string;
  readonly formats: readonly FormatId[];
  /** Kinds of hardware whose attested key is enough. */
  readonly hardware: readonly KeyHardware[];
  readonly anchorClasses: readonly ('hardware' | 'virtual-tpm' | 'software' | 'development' | 'test')[];
  readonly webauthn: {
    /** Backup-eligible (BE=1) credentials: synced passkeys. */
    readonly syncable: boolean;
    readonly crossOrigin: boolean;
    readonly userVerification: boolean;
    /** Refuse an AAGUID that neither metadata nor a bound anchor knows. */
    readonly knownAaguid: boolean;
    readonly aaguidAllow: readonly string[] | null;
    readonly aaguidDeny: readonly string[];
  };
  readonly android: {
    readonly bootStates: readonly ('verified' | 'self-signed' | 'unverified' | 'failed')[];
    readonly deviceLocked: boolean;
    /** YYYYMM; null asks for none. */
    readonly minimumPatchLevel: number | null;
    /** Package names and signing-certificate SHA-256 digests (hex) of `android-keystore`; empty accepts any. */
    readonly applications: readonly { readonly package: string; readonly digests: readonly string[] }[];
    readonly minimumSecurityLevel: 'software' | 'tee' | 'strongbox';
    /** `fail-closed` refuses when the status list is missing or older than the limit. */
    readonly statusList: 'fail-closed' | 'fail-open';
    readonly statusListMaxAgeMs: number;
  };
  readonly apple: {
    /** `<team id>.<bundle id>`. */
    readonly applications: readonly string[];
    readonly environments: readonly ('production' | 'development')[];
  };
  readonly tpm: {
    readonly vendorsDeny: readonly string[];
    /** Expected PCR values by bank and index, hex; null asks for no quote. */
    readonly pcrs: { readonly [bank: string]: { readonly [index: string]: string } } | null;
  };
  readonly metadata: { readonly required: boolean; readonly maxAgeMs: number };
  /** Most live certificates that may stand on one endorsement key. */
  readonly capPerEndorsementKey: number;
}
