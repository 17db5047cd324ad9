/**
 * What is kept of an accepted verdict. Identifiers of hardware are kept as keyed hashes only: they can be compared with a
 * list by whoever has the key, and read by nobody.
 */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64url } from '../../bytes/base64url.ts';
import { concat, lp } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { TrustStore } from '../trust/store.ts';
import type { Fact, Verdict } from '../verdict.ts';

/** What a list, a cap or a policy can condemn by. `aaguid` and `anchor` name models and makers and are kept in the clear. */
export type Mark = 'serial' | 'spki' | 'ek' | 'aaguid' | 'anchor' | 'credential';

export interface IndexEntry {
  readonly kind: Mark;
  readonly value: string;
}

export interface Kept {
  /** The verdict with every identifier replaced, also inside the details of its checks. */
  readonly verdict: Verdict;
  readonly index: readonly IndexEntry[];
  /** Keyed hash of the endorsement key, which a cap counts; null when there is none. */
  readonly endorsement: string | null;
  /** Keys and credentials that belong to one account for ever. */
  readonly keys: readonly IndexEntry[];
}

const DOMAIN = utf8('callsign/hardware/1\0');

/** Keyed hash of one identifier, base64url. Serials are lowercase hexadecimal without leading zeros, keys and ids as the verdict has them. */
export function hardwareHash(secret: Uint8Array, kind: Mark | 'name', value: string): string {
  return base64url(hmac(sha256, secret, concat(DOMAIN, lp(utf8(kind)), utf8(value))));
}

/** `identityKey`: SubjectPublicKeyInfo that the certificate will name, DER. */
export function keptOf(verdict: Verdict, identityKey: Uint8Array, trust: TrustStore, secret: Uint8Array): Kept {
  const hash = (kind: Mark | 'name', value: string) => hardwareHash(secret, kind, value);
  const found = identifiers(verdict);
  const hashes = new Map(found.map(({ kind, value }) => [value, hash(kind, value)]));
  const { facts, assurance, attestedKey, identityBinding } = verdict;
  const index: IndexEntry[] = found.flatMap(({ kind, value }) =>
    kind === 'name' ? [] : [{ kind, value: hash(kind, value) }],
  );
  if (typeof facts['aaguid'] === 'string') index.push({ kind: 'aaguid', value: facts['aaguid'] });
  if (assurance.trustAnchor !== undefined) {
    index.push({ kind: 'anchor', value: assurance.trustAnchor });
    const anchor = trust.anchors.find(({ id }) => id === assurance.trustAnchor);
    if (anchor) index.push({ kind: 'serial', value: hash('serial', anchor.certificate.serial) });
  }
  const ek = found.find(({ kind }) => kind === 'ek');
  const credential = found.find(({ kind }) => kind === 'credential');
  const spkis = [base64url(identityKey), ...(attestedKey === null ? [] : [attestedKey])];
  return {
    verdict: {
      ...verdict,
      // An attested identity key is in the certificate for everybody to see.
      attestedKey: attestedKey === null || identityBinding === 'key-attested' ? attestedKey : hash('spki', attestedKey),
      facts: replaced(facts, hashes) as Verdict['facts'],
      checks: verdict.checks.map((check) => ({ ...check, detail: scrubbed(check.detail, hashes) })),
    },
    index: unique(index),
    endorsement: ek ? hash('ek', ek.value) : null,
    keys: unique([
      ...spkis.map((value) => ({ kind: 'spki' as const, value: hash('spki', value) })),
      ...(credential ? [{ kind: 'credential' as const, value: hash('credential', credential.value) }] : []),
    ]),
  };
}

interface Identifier {
  readonly kind: Mark | 'name';
  readonly value: string;
}

/** Facts that name one device, or so few that they do. */
function identifiers({ facts }: Verdict): readonly Identifier[] {
  const found: Identifier[] = [];
  const chain = facts['chain'];
  for (const link of Array.isArray(chain) ? (chain as readonly Fact[]) : []) {
    const { serial, spki } = link as { serial?: Fact; spki?: Fact };
    if (typeof serial === 'string') found.push({ kind: 'serial', value: serial });
    if (typeof spki === 'string') found.push({ kind: 'spki', value: spki });
  }
  for (const [name, kind] of NAMED) {
    const value = facts[name];
    if (typeof value === 'string') found.push({ kind, value });
  }
  return found;
}

const NAMED: readonly (readonly [string, Identifier['kind']])[] = [
  ['endorsementKey', 'ek'],
  ['endorsementSerial', 'serial'],
  ['attestationKeyName', 'name'],
  ['credentialId', 'credential'],
];

function replaced(fact: Fact, hashes: ReadonlyMap<string, string>): Fact {
  if (typeof fact === 'string') return hashes.get(fact) ?? fact;
  if (Array.isArray(fact)) return (fact as readonly Fact[]).map((member) => replaced(member, hashes));
  if (typeof fact !== 'object' || fact === null) return fact;
  return Object.fromEntries(Object.entries(fact).map(([name, member]) => [name, replaced(member, hashes)]));
}

/** Short serials are of no one device, and would be found inside other words. */
const SHORTEST = 6;

function scrubbed(detail: string, hashes: ReadonlyMap<string, string>): string {
  let text = detail;
  for (const [value, hash] of hashes) if (value.length >= SHORTEST) text = text.replaceAll(value, hash);
  return text;
}

function unique(entries: readonly IndexEntry[]): IndexEntry[] {
  return [...new Map(entries.map((entry) => [`${entry.kind} ${entry.value}`, entry])).values()];
}
