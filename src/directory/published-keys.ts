/** When a device's published keys count: the same judgement for the server that stores them and the caller that seals to them. */
import { fromBase64url } from '../bytes/base64url.ts';
import type { KeyBundle, OneTimeKey, OneTimeKeys } from '../protocol/bundle.ts';
import { accountBytes, deviceBytes } from './account.ts';
import {
  type BundleOwner,
  freshness,
  openBundle,
  type OpenedBundle,
  openOneTimeKey,
  openOneTimeKeys,
  type Signed,
} from './bundle.ts';
import { type Head, keyOf, presentSince } from './manifest/head.ts';
import type { Plan, SignatureCheck } from './signature.ts';

export type PublishedKeyReason =
  | 'malformed'
  /** The verified head has no such device. */
  | 'unknown-device'
  /** Made for a manifest in which the device or its key was not there, or for one this head does not know. */
  | 'manifest-version'
  | 'refused-by-age'
  | 'batch-expired'
  | 'not-in-batch'
  | 'signature-invalid';

export interface AcceptedBundle extends OpenedBundle {
  /** The staler of signed prekey and last-resort key; `stale` is used and marked. */
  readonly freshness: 'fresh' | 'stale';
}

interface Publisher {
  readonly owner: BundleOwner;
  readonly key: Uint8Array<ArrayBuffer>;
}

const refuse = (reason: PublishedKeyReason): { ok: false; reason: PublishedKeyReason } => ({ ok: false, reason });

/** A bundle under the verified head of its account. `dormantAfter` in milliseconds. */
export function judgeBundle(
  head: Head,
  device: string,
  wire: KeyBundle,
  now: number,
  dormantAfter: number,
): Plan<AcceptedBundle, PublishedKeyReason> | { ok: false; reason: PublishedKeyReason } {
  const publisher = publisherOf(head, device);
  if (!publisher) return refuse('unknown-device');
  const opened = openBundle(publisher.owner, wire);
  if (!opened.ok) return opened;
  if (!opened.bundle.manifestVersions.every((version) => presentSince(head, device, version)))
    return refuse('manifest-version');
  const ages = new Set([wire.signedPrekey, wire.lastResort].map((key) => freshness(key, now, dormantAfter)));
  if (ages.has('refused')) return refuse('refused-by-age');
  const value: AcceptedBundle = { ...opened.bundle, freshness: ages.has('stale') ? 'stale' : 'fresh' };
  return planned(publisher, opened.bundle.signed, value);
}

/** One served one-time key. */
export function judgeOneTimeKey(
  head: Head,
  device: string,
  wire: OneTimeKey,
  now: number,
): Plan<{ keyId: number; key: Uint8Array }, PublishedKeyReason> | { ok: false; reason: PublishedKeyReason } {
  const publisher = publisherOf(head, device);
  if (!publisher) return refuse('unknown-device');
  const opened = openOneTimeKey(publisher.owner, wire);
  if (!opened.ok) return opened;
  const wrong = batchRefusal(head, device, wire.batch, now);
  return wrong ? refuse(wrong) : planned(publisher, [opened.signed], { keyId: opened.keyId, key: opened.key });
}

/** A batch as its owner uploads it. */
export function judgeOneTimeKeys(
  head: Head,
  device: string,
  wire: OneTimeKeys,
  now: number,
): Plan<readonly Uint8Array[], PublishedKeyReason> | { ok: false; reason: PublishedKeyReason } {
  const publisher = publisherOf(head, device);
  if (!publisher) return refuse('unknown-device');
  const opened = openOneTimeKeys(publisher.owner, wire);
  if (!opened.ok) return opened;
  const wrong = batchRefusal(head, device, wire.batch, now);
  return wrong ? refuse(wrong) : planned(publisher, [opened.signed], opened.keys);
}

function batchRefusal(head: Head, device: string, batch: OneTimeKey['batch'], now: number): PublishedKeyReason | null {
  if (!presentSince(head, device, batch.manifestVersion)) return 'manifest-version';
  return batch.expiresAt <= now ? 'batch-expired' : null;
}

function publisherOf(head: Head, device: string): Publisher | null {
  const [account, id] = [accountBytes(head.account), deviceBytes(device)];
  const key = fromBase64url(keyOf(head, device) ?? '');
  return account && id && key && key.length > 0 ? { owner: { account, device: id }, key } : null;
}

function planned<T>({ key }: Publisher, signed: readonly Signed[], value: T): Plan<T, PublishedKeyReason> {
  const checks = signed.map(({ message, signature }): SignatureCheck => ({
    algorithm: 'ES256',
    key,
    data: message.slice(),
    signature: signature.slice(),
  }));
  return {
    ok: true,
    checks,
    conclude: (holds) => (checks.every(holds) ? { ok: true, value } : { ok: false, reason: 'signature-invalid' }),
  };
}
