/**
 * Canonical JSON (RFC 8785) for our value domain: strings, safe integers, booleans, null, arrays and objects. Fractions are outside
 * the domain, so the one hard part of the RFC, the shortest form of a double, never occurs.
 */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

const MAX_DEPTH = 16;

/** The canonical text, or null for a value outside the domain: fractions, lone surrogates, undefined, more than 16 levels. */
export function canonicalJson(value: unknown): string | null {
  return write(value, 0);
}

function write(value: unknown, depth: number): string | null {
  if (depth > MAX_DEPTH) return null;
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : null;
  if (typeof value === 'string') return value.isWellFormed() ? JSON.stringify(value) : null;
  if (Array.isArray(value))
    return enclose(
      '[',
      value.map((item) => write(item, depth + 1)),
      ']',
    );
  if (typeof value !== 'object' || !isPlain(value)) return null;
  return enclose('{', members(value, depth), '}');
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** RFC 8785 §3.2.3: names sorted by UTF-16 code unit, which is how JavaScript compares strings. */
function members(value: object, depth: number): (string | null)[] {
  const names = Object.keys(value).sort((a, b) => (a < b ? -1 : 1));
  return names.map((name) => {
    const key = write(name, depth);
    const member = write((value as { [name: string]: unknown })[name], depth + 1);
    return key === null || member === null ? null : `${key}:${member}`;
  });
}

function enclose(open: string, parts: readonly (string | null)[], close: string): string | null {
  return parts.includes(null) ? null : open + parts.join(',') + close;
}

/** The value of a canonical text; undefined for any other text, duplicate names and other spellings of the same value included. */
export function parseCanonicalJson(text: string): Json | undefined {
  try {
    const value: Json = JSON.parse(text);
    return canonicalJson(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}
