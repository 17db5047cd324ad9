/** The operator's feed: every change that an outsider may need. No handle, name, address or content. */

export type Severity = 'info' | 'notice' | 'warning' | 'alarm';

/** What an actor puts down; the rest of the row is added where it is written. */
export interface EventDraft {
  /** Dotted, past tense or state: `device.enrolled`, `call.ended`. */
  readonly type: string;
  readonly severity: Severity;
  /** What it is about: an account, device, serial or call id. */
  readonly subject: string;
  readonly reason?: string | null;
  /** The application's own reference of a call. */
  readonly reference?: string | null;
  readonly request?: string | null;
  /** For the index in D1 that is fed from here, and for nothing else. */
  readonly index?: { readonly [name: string]: string | number | null } | null;
}

export interface EventRow {
  /** `<actor kind>/<actor name>/<n>`: unique for ever. */
  readonly id: string;
  /** Milliseconds since 1970, the actor's clock. */
  readonly at: number;
  readonly type: string;
  readonly severity: Severity;
  readonly actor: string;
  readonly subject: string;
  readonly reason: string | null;
  readonly reference: string | null;
  readonly request: string | null;
  readonly index: { readonly [name: string]: string | number | null } | null;
  /** SHA-256 (base64url) of the row before it of the same actor; empty for the first. */
  readonly previous: string;
  /** SHA-256 (base64url) of `previous` and the canonical JSON of all fields above. */
  readonly hash: string;
}
