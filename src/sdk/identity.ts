import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { accountBytes, deviceBytes } from '../directory/account.ts';
import type { Head } from '../directory/manifest/head.ts';
import type { Self } from './crypto/invitation.ts';
import { spkiOf } from './crypto/point.ts';
import type { Bytes, SigningKey } from './crypto/provider.ts';
import type { ClientConfig } from './config.ts';
import { CallsignError } from './errors.ts';

/** This device, once it is enrolled. */
export interface Identity {
  readonly account: string;
  readonly device: string;
  readonly key: SigningKey;
  /** DER: leaf, then its issuer. */
  readonly chain: readonly Bytes[];
  readonly notAfter: number;
  /** 32 bytes. */
  readonly pushToken: Bytes;
}

/** Kept in the store; the key itself only where it may leave its handle. */
interface StoredIdentity {
  readonly account: string;
  readonly device: string;
  readonly chain: readonly string[];
  readonly notAfter: number;
  readonly pushToken: string;
  readonly key: unknown;
}

export async function keepIdentity({ store }: ClientConfig, identity: Identity, head: Head): Promise<void> {
  const { account, device, notAfter } = identity;
  const value: StoredIdentity = {
    account,
    device,
    notAfter,
    chain: identity.chain.map((der) => base64url(der)),
    pushToken: base64url(identity.pushToken),
    key: identity.key.stored,
  };
  await store.write([
    { collection: 'identity', id: 'self', value },
    { collection: 'head', id: account, value: head },
  ]);
}

/** The identity that was kept; `key` is needed when it lives in hardware that the caller opened. */
export async function restoreIdentity({ store, crypto }: ClientConfig, key?: SigningKey): Promise<Identity | null> {
  const kept = (await store.get('identity', 'self')) as StoredIdentity | undefined;
  if (!kept) return null;
  const signing = key ?? (kept.key === undefined ? null : await crypto.restoreSigningKey(kept.key as never));
  if (!signing) throw new CallsignError('local', 'identity-key-missing');
  const bytes = (text: string) => fromBase64url(text) ?? new Uint8Array();
  return {
    account: kept.account,
    device: kept.device,
    key: signing,
    chain: kept.chain.map(bytes),
    notAfter: kept.notAfter,
    pushToken: bytes(kept.pushToken),
  };
}

export async function keptPushToken({ store }: ClientConfig): Promise<Bytes | null> {
  const kept = (await store.get('identity', 'self')) as StoredIdentity | undefined;
  return kept ? fromBase64url(kept.pushToken) : null;
}

export async function ownHead({ store }: ClientConfig, account: string): Promise<Head> {
  const head = (await store.get('head', account)) as Head | undefined;
  if (!head) throw new CallsignError('local', 'own-manifest-missing');
  return head;
}

/** The identity as call cryptography takes it. */
export function selfOf({ account, device, key }: Identity): Self {
  return {
    account: accountBytes(account) ?? new Uint8Array(),
    device: deviceBytes(device) ?? new Uint8Array(),
    identity: key,
  };
}

export function keyText(key: SigningKey): string {
  return base64url(spkiOf(key.publicKey));
}
