/**
 * E-mail addresses, canonical form 1: NFC, lower case throughout, the domain as A-labels. Dots and tags of the local part stay: they
 * name different mailboxes at many providers, and merging two people is worse than not recognizing one.
 */
declare const URL: new (text: string) => { readonly hostname: string };

/** RFC 5321 §4.1.2 dot-string, with RFC 6531's non-ASCII letters; quoted local parts are refused. */
const LOCAL = /^[\p{L}\p{N}\p{M}!#$%&'*+/=?^_`{|}~-]+(\.[\p{L}\p{N}\p{M}!#$%&'*+/=?^_`{|}~-]+)*$/u;
const DOMAIN_TEXT = /^[\p{L}\p{N}\p{M}.-]+$/u;
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** `local@domain`, or null when it is no address. */
export function canonicalEmail(text: string): string | null {
  const at = text.lastIndexOf('@');
  const local = text.slice(0, at).normalize('NFC').toLowerCase();
  const domain = domainOf(text.slice(at + 1));
  if (at < 1 || local.length > 64 || !LOCAL.test(local) || domain === null) return null;
  return `${local}@${domain}`;
}

/** UTS 46 by the URL parser that every host has; what only a URL would mean (addresses, ports, escapes) is kept out before and after. */
function domainOf(text: string): string | null {
  if (text.length > 253 || !DOMAIN_TEXT.test(text)) return null;
  const labels = hostname(text)?.split('.') ?? [];
  const sound = labels.length >= 2 && labels.every((label) => LABEL.test(label)) && !/^[0-9]+$/.test(labels.at(-1)!);
  return sound ? labels.join('.') : null;
}

function hostname(text: string): string | null {
  try {
    return new URL(`https://${text}/`).hostname;
  } catch {
    return null;
  }
}
