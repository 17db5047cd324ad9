import { base64url } from '../../../src/bytes/base64url.ts';
import type { Collection, KeyStore, SessionKeys } from '../../../src/sdk/index.ts';

/** All there are: one that is added and not named here does not compile. */
const COLLECTIONS: { readonly [C in Collection]: true } = {
  identity: true,
  prekey: true,
  kem: true,
  'one-time': true,
  inbox: true,
  seen: true,
  head: true,
  pin: true,
  contact: true,
  veto: true,
};

/** Everything in a store as text: bytes as base64url, CryptoKeys as what they say of themselves. */
export async function snapshot(store: KeyStore): Promise<string> {
  const rows: unknown[] = [];
  for (const collection of Object.keys(COLLECTIONS) as Collection[])
    for (const id of await store.ids(collection)) rows.push([collection, id, plain(await store.get(collection, id))]);
  return JSON.stringify(rows);
}

function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return base64url(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof CryptoKey) return `${value.type} ${value.extractable ? 'extractable' : 'non-extractable'}`;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

/** Every secret that the application of a call is given, as `snapshot` would show it. */
export function secretsIn({ srtp, sframe, signal }: SessionKeys): [string, string][] {
  const streams = Object.entries(srtp).flatMap(([name, { send, receive }]): [string, Uint8Array][] => [
    [`${name} send`, send.key],
    [`${name} receive`, receive.key],
  ]);
  const others: [string, Uint8Array][] = [
    ['sframe send', sframe.send],
    ['sframe receive', sframe.receive],
    ['signal send', signal.send],
    ['signal receive', signal.receive],
  ];
  return [...streams, ...others].map(([name, bytes]) => [name, base64url(bytes)]);
}
