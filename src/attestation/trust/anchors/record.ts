import type { FormatId, Reason } from '../../verdict.ts';
import type { AnchorClass } from '../store.ts';

/** One anchor as it is kept: data with provenance. `npm run callsign -- trust verify` checks every field. */
export interface AnchorRecord {
  readonly id: string;
  readonly class: AnchorClass;
  readonly formats: readonly FormatId[];
  readonly vendor: string;
  /** Authenticators this anchor speaks for; empty when it is not bound to AAGUIDs. */
  readonly aaguids: readonly string[];
  /** SHA-256 of the DER, hex. */
  readonly sha256: string;
  /** UTC dates, YYYY-MM-DD: the end of validity, and when operators begin to be warned of it. */
  readonly notAfter: string;
  readonly alarm: string;
  /** Why the anchor stays after its end. */
  readonly keptExpired?: string;
  /** Repository, path, commit and license that the certificate was taken from. */
  readonly source: string;
  /** Why a policy that does not take this class refuses, where the class does not say it. */
  readonly refusal?: Reason;
  /** DER, base64url. */
  readonly certificate: string;
}

/** A certificate between an anchor and evidence that may omit it; trusted for nothing by itself. */
export interface IntermediateRecord {
  readonly subject: string;
  readonly sha256: string;
  readonly notAfter: string;
  readonly source: string;
  readonly certificate: string;
}
