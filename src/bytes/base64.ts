import { base64url, fromBase64url } from './base64url.ts';

/** base64 with padding (RFC 4648 §4), as JOSE x5c and FIDO metadata carry certificates; white space between lines is passed over. Null when it is not. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  const match = /^([A-Za-z0-9+/]*)(={0,2})$/.exec(text.replaceAll(/[ \t\r\n]+/g, ''));
  if (match === null) return null;
  const [, digits = '', padding = ''] = match;
  if ((digits.length + padding.length) % 4 !== 0) return null;
  return fromBase64url(digits.replaceAll('+', '-').replaceAll('/', '_'));
}

/** base64 with padding (RFC 4648 §4). */
export function base64(bytes: Uint8Array): string {
  const digits = base64url(bytes).replaceAll('-', '+').replaceAll('_', '/');
  return digits.padEnd(Math.ceil(digits.length / 4) * 4, '=');
}
