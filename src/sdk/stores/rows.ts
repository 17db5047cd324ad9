/** Rows as text, for stores that keep bytes: JSON, in which bytes are written as `{ "$bytes": base64url }`. */
import { base64url, fromBase64url } from '../../bytes/base64url.ts';

export type Rows = Map<string, unknown>;

/** Throws for what has no such form, such as a CryptoKey. */
export function encodeRows(rows: Rows): string {
  return JSON.stringify([...rows].map(([name, value]) => [name, plain(value)]));
}

/** Null when it is not such text. */
export function decodeRows(text: string): Rows | null {
  try {
    const parsed: unknown = JSON.parse(text);
    if (!Array.isArray(parsed)) return null;
    return new Map(parsed.map(([name, value]: [string, unknown]) => [name, restored(value)]));
  } catch {
    return null;
  }
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return { $bytes: base64url(value) };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw new TypeError(`a ${value.constructor.name} cannot be kept as bytes`);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

function restored(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(restored);
  if (typeof value !== 'object' || value === null) return value;
  const { $bytes } = value as { $bytes?: unknown };
  if (typeof $bytes === 'string') return fromBase64url($bytes);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, restored(part)]));
}
