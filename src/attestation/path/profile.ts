/** What one family of certificates asks of a path beyond the rules that all share; one file per profile in profiles/. */
import type { Anchor } from '../trust/store.ts';
import type { Certificate } from './certificate.ts';

export type PathReason =
  | 'malformed'
  | 'chain-invalid'
  | 'chain-expired'
  | 'untrusted-root'
  | 'weak-key'
  | 'signature-algorithm'
  | 'algorithm-unavailable';

/** One rule that did not hold. */
export interface Violation {
  readonly reason: PathReason;
  /** Index in the path, 0 is the leaf; the path's length stands for the anchor; null for the path as a whole. */
  readonly certificate: number | null;
  /** Stable, e.g. `path.pathlen`. */
  readonly rule: string;
  readonly spec: string;
  readonly detail: string;
}

/** The certificates from the leaf up to the one that the anchor issued; empty when the leaf itself is the anchor. */
export type Path = readonly Certificate[];

export interface Profile {
  readonly id: 'strict' | 'android' | 'apple' | 'aik' | 'ek';
  /** Extensions that may be critical, because this profile or the formats that use it process them. */
  readonly understood: ReadonlySet<string>;
  /** A leaf that is byte for byte an anchor is a path of its own (FIDO metadata lists such). */
  readonly leafMayBeAnchor: boolean;
  /** Whether the clock counts for the certificate at `index`; the path's length stands for the anchor. */
  readonly honorsValidity: (path: Path, index: number) => boolean;
  /** Whether the issuer at `index` (1 and above) must be marked as a CA. */
  readonly mustBeCa: (path: Path, index: number) => boolean;
  /** What only this family asks; `given` is the whole chain as it came, with the anchor when that was sent along. */
  readonly rules: (path: Path, anchor: Anchor, given: readonly Certificate[]) => Violation | null;
}

export function invalid(certificate: number | null, rule: string, spec: string, detail: string): Violation {
  return { reason: 'chain-invalid', certificate, rule, spec, detail };
}

export function untrusted(rule: string, detail: string): Violation {
  return { reason: 'untrusted-root', certificate: null, rule, spec: 'RFC 5280 §6.1', detail };
}
