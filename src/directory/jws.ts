/** Compact JWS (RFC 7515 §7.1) with ES256, an explicit `typ`, and nothing in the header that we did not put there. */
import * as v from 'valibot';
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { fromUtf8, utf8 } from '../bytes/utf8.ts';
import type { SignatureCheck } from './signature.ts';

const Header = v.strictObject({
  alg: v.literal('ES256'),
  typ: v.string(),
  kid: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
});

/** What a key signs for `claims`; append `.` and the base64url of r || s. */
export function compactInput(typ: string, kid: string, claims: object): string {
  return `${base64url(utf8(JSON.stringify({ alg: 'ES256', typ, kid })))}.${base64url(utf8(JSON.stringify(claims)))}`;
}

export interface CompactJws {
  readonly kid: string;
  readonly claims: unknown;
  /** The signature to verify once the key of `kid` is known. */
  under(key: Uint8Array<ArrayBuffer>): SignatureCheck;
}

/** Null for anything but a JWS of that `typ`, at most `limit` characters long. */
export function readCompact(text: string, typ: string, limit: number): CompactJws | null {
  const parts = text.length <= limit ? text.split('.') : [];
  const [header, payload, signature] = parts;
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined) return null;
  const parsed = v.safeParse(Header, jsonOf(header));
  const bytes = fromBase64url(signature);
  const claims = jsonOf(payload);
  if (!parsed.success || parsed.output.typ !== typ || bytes?.length !== 64 || claims === undefined) return null;
  const data = utf8(`${header}.${payload}`);
  return {
    kid: parsed.output.kid,
    claims,
    under: (key) => ({ algorithm: 'ES256', key, data, signature: bytes }),
  };
}

function jsonOf(part: string): unknown {
  const bytes = fromBase64url(part);
  const text = bytes && fromUtf8(bytes);
  if (text === null) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
