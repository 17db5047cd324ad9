/**
 * The attestation status list (developer.android.com, "Verify hardware-backed key pairs", certificate revocation status
 * list): JSON of serials that Google no longer vouches for. The list is not signed: it is worth what its transport is worth.
 */
import { fromUtf8 } from '../../bytes/utf8.ts';
import type { AndroidStatusList } from '../trust/store.ts';

type Status = { readonly status: 'REVOKED' | 'SUSPENDED'; readonly reason: string };

/** Bytes; the list of 2026 has less than 1 MiB. */
export const MAX_STATUS_LIST = 16_777_216;

/**
 * The list as fetched at `fetchedAt` (milliseconds since 1970). Null, for the whole list, when it is not JSON of the
 * documented shape or names a member twice: half a list would let the other half pass.
 */
export function readStatusList(bytes: Uint8Array, fetchedAt: number): AndroidStatusList | null {
  const text = bytes.length > MAX_STATUS_LIST ? null : fromUtf8(bytes);
  const document = text === null ? null : parse(text);
  if (document === null || !isObject(document) || !isObject(document['entries'])) return null;
  const entries = new Map<string, Status>();
  for (const [serial, entry] of Object.entries(document['entries'])) {
    const key = normalizeSerial(serial);
    const status = readEntry(entry);
    if (key === null || status === null || entries.has(key)) return null;
    entries.set(key, status);
  }
  return { fetchedAt, entries };
}

/** Serials are hexadecimal even where they look decimal; case and leading zeros differ between writers. */
export function normalizeSerial(serial: string): string | null {
  if (!/^[0-9a-f]{1,64}$/i.test(serial)) return null;
  return serial.toLowerCase().replace(/^0+(?=.)/, '');
}

/** A status that was invented after this was written counts as SUSPENDED: whatever is listed is refused. */
function readEntry(entry: unknown): Status | null {
  if (!isObject(entry) || typeof entry['status'] !== 'string') return null;
  const reason = typeof entry['reason'] === 'string' ? entry['reason'] : entry['status'];
  return { status: entry['status'] === 'REVOKED' ? 'REVOKED' : 'SUSPENDED', reason };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** JSON.parse keeps the last of two equal names; here that is malformed. */
function parse(text: string): unknown {
  try {
    const document: unknown = JSON.parse(text);
    return namesAreUnique(text) ? document : null;
  } catch {
    return null;
  }
}

/** `text` is known to be JSON, so its strings and brackets can be told apart by a scan. */
function namesAreUnique(text: string): boolean {
  const open: Set<unknown>[] = [];
  for (const [token, string] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}]/g)) {
    if (token === '{') open.push(new Set());
    else if (token === '}') open.pop();
    else if (string !== undefined) {
      const name: unknown = JSON.parse(string);
      const names = open[open.length - 1]!;
      if (names.has(name)) return false;
      names.add(name);
    }
  }
  return true;
}
