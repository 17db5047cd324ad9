import { parsePhoneNumberFromString } from 'libphonenumber-js/min';
import { HANDLE_MAX_LENGTH } from '../../protocol/handle.ts';
import { canonicalEmail } from './email.ts';

export type HandleKind = 'phone' | 'email' | 'external';

export interface Handle {
  readonly kind: HandleKind;
  /**
   * What is compared, hashed and asserted: `tel:+<E.164>`, `mail1:<local>@<domain>` (the digit is the version of the e-mail form),
   * `ext:<issuer>:<subject>`.
   */
  readonly canonical: string;
  /** What people read. */
  readonly display: string;
}

export interface HandleRules {
  readonly kinds: readonly HandleKind[];
  /** Short names of the configured OIDC issuers, e.g. `corp`; letters, digits, dashes. */
  readonly issuers: readonly string[];
}

export type HandleReason = 'malformed' | 'kind-off';

/** Reads a handle as a person or an application writes it, or as its canonical form. */
export function readHandle(
  text: string,
  rules: HandleRules,
): { ok: true; handle: Handle } | { ok: false; reason: HandleReason } {
  if (text.length < 3 || text.length > HANDLE_MAX_LENGTH || !text.isWellFormed())
    return { ok: false, reason: 'malformed' };
  const handle = external(text, rules) ?? phone(text) ?? email(text);
  if (!handle) return { ok: false, reason: 'malformed' };
  return rules.kinds.includes(handle.kind) ? { ok: true, handle } : { ok: false, reason: 'kind-off' };
}

/** A subject is opaque: compared octet for octet, never folded. */
function external(text: string, { issuers }: HandleRules): Handle | null {
  const [, issuer, subject] = /^(?:ext:)?([a-z0-9-]{1,32}):([\x21-\x7e]{1,255})$/.exec(text) ?? [];
  if (issuer === undefined || subject === undefined || !issuers.includes(issuer)) return null;
  return { kind: 'external', canonical: `ext:${issuer}:${subject}`, display: `${issuer}:${subject}` };
}

/** International form only: a number without country code means different people in different places. */
function phone(text: string): Handle | null {
  const [, number] = /^(?:tel:)?(\+[0-9 ().\-/]{6,30})$/.exec(text) ?? [];
  const parsed = number === undefined ? undefined : parsePhoneNumberFromString(number);
  if (!parsed?.isValid() || parsed.ext !== undefined) return null;
  return { kind: 'phone', canonical: `tel:${parsed.number}`, display: parsed.formatInternational() };
}

function email(text: string): Handle | null {
  const address = canonicalEmail(text.replace(/^mail1:/, ''));
  return address === null ? null : { kind: 'email', canonical: `mail1:${address}`, display: address };
}
