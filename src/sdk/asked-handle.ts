import { canonicalEmail } from '../directory/handle/email.ts';

/**
 * The canonical form of a handle as an application writes it, to compare the server's answer with; null when it has none.
 * A telephone number is taken as it stands, in international form: what national rules would make of it is not guessed, so
 * that an answer about another number is refused.
 */
export function askedHandle(text: string): string | null {
  const number = /^(?:tel:)?(\+[0-9 ().\-/]{6,30})$/.exec(text)?.[1];
  if (number !== undefined) return `tel:+${number.replaceAll(/[^0-9]/g, '')}`;
  const external = /^(?:ext:)?([a-z0-9-]{1,32}:[\x21-\x7e]{1,255})$/.exec(text)?.[1];
  if (external !== undefined && !text.startsWith('mail1:')) return `ext:${external}`;
  const address = canonicalEmail(text.replace(/^mail1:/, ''));
  return address === null ? null : `mail1:${address}`;
}
