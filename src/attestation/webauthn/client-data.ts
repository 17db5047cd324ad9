/** clientDataJSON (WebAuthn L3 §5.8.1): the members that decide something, strictly typed; others are the browser's own. */
import { fromUtf8 } from '../../bytes/utf8.ts';

export interface ClientData {
  readonly type: string;
  /** base64url of the challenge, as the browser wrote it. */
  readonly challenge: string;
  readonly origin: string;
  /** False when absent. */
  readonly crossOrigin: boolean;
  readonly topOrigin: string | null;
}

const LONGEST = 8_192;

/** Null when the bytes are not UTF-8 JSON of one object, a known member has another type, or a member appears twice. */
export function readClientData(bytes: Uint8Array): ClientData | null {
  const text = bytes.length > LONGEST ? null : fromUtf8(bytes);
  const members = text === null ? null : parse(text);
  if (members === null) return null;
  const { type, challenge, origin, crossOrigin = false, topOrigin = null } = members;
  if (typeof type !== 'string' || typeof challenge !== 'string' || typeof origin !== 'string') return null;
  if (typeof crossOrigin !== 'boolean' || (topOrigin !== null && typeof topOrigin !== 'string')) return null;
  return { type, challenge, origin, crossOrigin, topOrigin };
}

function parse(text: string): { readonly [name: string]: unknown } | null {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value) || repeats(text)) return null;
    return { ...value };
  } catch {
    return null;
  }
}

/** Whether a member name of the outermost object appears twice; `text` is well-formed JSON. */
function repeats(text: string): boolean {
  const names = new Set<string>();
  let depth = 0;
  for (const [token, name] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (token === '{' || token === '[') depth++;
    else if (token === '}' || token === ']') depth--;
    else if (name !== undefined && depth === 1) {
      const plain = String(JSON.parse(name));
      if (names.has(plain)) return true;
      names.add(plain);
    }
  }
  return false;
}
