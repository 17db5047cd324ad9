/** KeyDescription records for tests, field by field. */
import { KEY_DESCRIPTION } from '../../../src/attestation/path/profiles/android.ts';
import { extension } from './ca.ts';
import { bool, type Bytes, context, enumeration, int, nul, octets, seq, setOf } from './der.ts';

export type Fields = Readonly<Record<number, Uint8Array>>;

/** An AuthorizationList in ascending order of tags. */
export function authorizationList(fields: Fields): Bytes {
  const tags = Object.keys(fields).map(Number);
  return seq(...tags.sort((a, b) => a - b).map((tag) => context(tag, fields[tag]!)));
}

export interface Root {
  readonly key?: Uint8Array;
  readonly locked?: Uint8Array;
  readonly state?: number;
  readonly hash?: Uint8Array | null;
}

export function rootOfTrust({ key, locked, state = 0, hash }: Root = {}): Bytes {
  const digest = hash === null ? [] : [octets(hash ?? new Uint8Array(32).fill(2))];
  return seq(octets(key ?? new Uint8Array(32).fill(1)), locked ?? bool(true), enumeration(state), ...digest);
}

export const DIGEST = new Uint8Array(32).fill(0xab);

export function applicationId(name = 'org.example.calls', digest: Uint8Array = DIGEST): Bytes {
  const info = seq(octets(new TextEncoder().encode(name)), int(7));
  return octets(seq(setOf(info), setOf(octets(digest))));
}

export const softwareFields: Fields = { 701: int(Date.UTC(2026, 0, 14)), 709: applicationId() };
export const hardwareFields: Fields = {
  1: setOf(int(2), int(3)),
  2: int(3),
  3: int(256),
  5: setOf(int(4)),
  10: int(1),
  503: nul(),
  702: int(0),
  704: rootOfTrust(),
  705: int(150_000),
  706: int(202_512),
  718: int(20_251_205),
  719: int(20_251_205),
};

export interface Description {
  readonly version?: number;
  readonly level?: number;
  readonly keyLevel?: number;
  readonly challenge?: Uint8Array;
  readonly software?: Fields;
  readonly hardware?: Fields;
}

/** Without: a field whose value is left out. */
export function without(fields: Fields, tag: number): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => Number(key) !== tag));
}

export function keyDescription(change: Description = {}): Bytes {
  const { version = 300, level = 1, keyLevel = level, challenge = new Uint8Array(32).fill(9) } = change;
  return seq(
    int(version),
    enumeration(level),
    int(version),
    enumeration(keyLevel),
    octets(challenge),
    octets(),
    authorizationList(change.software ?? softwareFields),
    authorizationList(change.hardware ?? hardwareFields),
  );
}

export const keyDescriptionExtension = (change: Description = {}): Bytes =>
  extension(KEY_DESCRIPTION, false, keyDescription(change));
