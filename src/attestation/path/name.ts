/** Distinguished names and general names (RFC 5280 §4.1.2.4, §4.2.1.6). Names are compared by their DER, never by text. */
import { type Der, explicit, oid, sequence, set, text } from '../../bytes/der.ts';
import { fromUtf8 } from '../../bytes/utf8.ts';

export interface Name {
  readonly der: Uint8Array;
  /** In encoded order, relative names of several attributes flattened; `value` is null for a type that is no character string. */
  readonly attributes: readonly { readonly type: string; readonly value: string | null }[];
}

export type GeneralName =
  | { readonly kind: 'directory'; readonly name: Name }
  | { readonly kind: 'email' | 'dns' | 'uri'; readonly text: string }
  | { readonly kind: 'ip'; readonly bytes: Uint8Array }
  /** otherName, x400Address, ediPartyName, registeredID: kept as they came. */
  | { readonly kind: 'other'; readonly der: Uint8Array };

const LABELS: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.5': 'SERIALNUMBER',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.12': 'T',
};

/** RDNSequence; null is malformed. */
export function readName(value: Der | undefined): Name | null {
  const relatives = sequence(value);
  if (value === undefined || relatives === null) return null;
  const attributes: { type: string; value: string | null }[] = [];
  for (const relative of relatives) {
    const members = set(relative);
    if (members === null || members.length === 0) return null;
    for (const member of members) {
      const [type, content, ...rest] = sequence(member) ?? [];
      const id = oid(type);
      if (id === null || content === undefined || rest.length > 0) return null;
      attributes.push({ type: id, value: text(content) });
    }
  }
  return { der: value.bytes, attributes };
}

/** All values of one attribute type; a name that has it twice gives two. */
export function attributeValues(name: Name, type: string): readonly (string | null)[] {
  return name.attributes.filter((attribute) => attribute.type === type).map((attribute) => attribute.value);
}

/** For people and records: `O=TEE, CN=…` in encoded order. */
export function readableName(name: Name): string {
  return name.attributes.map(({ type, value }) => `${LABELS[type] ?? type}=${value ?? '?'}`).join(', ');
}

/** GeneralNames; null is malformed, and so is an empty list. */
export function readGeneralNames(value: Der | null): readonly GeneralName[] | null {
  const members = sequence(value);
  if (members === null || members.length === 0) return null;
  const names = members.map(generalName);
  return names.every((name) => name !== null) ? names : null;
}

function generalName(value: Der): GeneralName | null {
  if (value.class !== 'context' || value.tag > 8) return null;
  if (value.tag === 4) {
    const name = readName(explicit(value) ?? undefined);
    return name === null ? null : { kind: 'directory', name };
  }
  const kind = value.tag === 1 ? 'email' : value.tag === 2 ? 'dns' : value.tag === 6 ? 'uri' : null;
  if (kind === null)
    return value.tag === 7 ? { kind: 'ip', bytes: value.content } : { kind: 'other', der: value.bytes };
  const content = value.constructed ? null : fromUtf8(value.content);
  return content === null ? null : { kind, text: content };
}
