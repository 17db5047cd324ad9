/** What is asked of the path validator, and what it answers. */
import type { Anchor } from '../trust/store.ts';
import type { Certificate } from './certificate.ts';
import type { Path, Profile, Violation } from './profile.ts';

/** Certificates in one chain. */
export const MAX_CHAIN = 10;

export interface PathQuery {
  /** Leaf first, each certificate issued by the next; the anchor may be there or not. */
  readonly chain: readonly Certificate[];
  /** Matched by subject and public key, never by the certificate's bytes. Empty trusts nothing. */
  readonly anchors: readonly Anchor[];
  /** Certificates that evidence may omit; trusted for nothing by themselves. */
  readonly intermediates?: readonly Certificate[];
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly profile: Profile;
}

export type PathResult =
  | { readonly ok: true; readonly anchor: Anchor; readonly path: Path }
  /** `anchor` is where the chain would end, when that much was found: its class may be the better reason. */
  | ({ readonly ok: false; readonly anchor: Anchor | null } & Violation);

/** A path that reaches an anchor, its rules not yet judged. */
export interface Ended {
  readonly path: Path;
  readonly anchor: Anchor;
  /** From this certificate up, signatures were verified while the path was found. */
  readonly verifiedFrom: number;
}
