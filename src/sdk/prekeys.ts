import { base64url } from '../bytes/base64url.ts';
import { fromHex, hex } from '../bytes/hex.ts';
import { accountBytes, deviceBytes } from '../directory/account.ts';
import {
  batchMessage,
  batchRoot,
  type BundleOwner,
  capabilitiesMessage,
  lastResortMessage,
  openBundle,
  signedPrekeyMessage,
} from '../directory/bundle.ts';
import { KeyStatus } from '../protocol/api.ts';
import { BUNDLE, type KeyBundle, type OneTimeKeys } from '../protocol/bundle.ts';
import type { IdentifiedApi } from './api.ts';
import type { ClientConfig } from './config.ts';
import type { PrekeyStore } from './crypto/invitation.ts';
import type { AgreementKey, Bytes, CryptoProvider, SigningKey, StoredKey, WrappingKey } from './crypto/provider.ts';
import { CallsignError } from './errors.ts';
import { noteBatch, noteBundle } from './published.ts';
import type { Identity } from './identity.ts';
import type { Change } from './store.ts';

/** A signed prekey is replaced after this … */
export const PREKEY_ROTATE_MS = 7 * 86_400_000;
/** … and its private key deleted this long after its successor was published: callers may have looked it up before. */
export const PREKEY_KEEP_MS = 48 * 3_600_000;
const PREKEY_LIFE_MS = 21 * 86_400_000;
const BATCH_LIFE_MS = 60 * 86_400_000;

export const MEDIA = {
  media: ['audio', 'video'],
  codecs: ['opus', 'h264', 'vp8'],
  protocol: { min: 1, max: 1 },
} as const;

interface StoredPrekey {
  readonly key: StoredKey;
  readonly madeAt: number;
  /** Hex of every bundle it was published in. */
  readonly bundles: readonly string[];
  /** Of the last-resort KEM key that was published with it. */
  readonly kem: number;
  /** When its successor was published; null while it is the newest. */
  readonly retiredAt: number | null;
}

interface StoredOneTimeKey {
  readonly key: StoredKey;
  readonly expiresAt: number;
}

async function nextKeyId({ store }: ClientConfig, count: number): Promise<number> {
  const next = ((await store.get('inbox', 'next-key-id')) as number | undefined) ?? 1;
  await store.write([{ collection: 'inbox', id: 'next-key-id', value: next + count }]);
  return next;
}

function ownerOf({ account, device }: Identity): BundleOwner {
  return { account: accountBytes(account) ?? new Uint8Array(), device: deviceBytes(device) ?? new Uint8Array() };
}

async function signed(key: SigningKey, message: Uint8Array): Promise<string> {
  return base64url(await key.sign(message));
}

/** Keys that a store can keep: handles where it can, else their bytes. */
export const kept = ({ store }: Pick<ClientConfig, 'store'>): { exportable: boolean } => ({
  exportable: store.bytesOnly === true,
});

/** Under which KEM seeds are kept, which no platform keeps as handles. */
async function wrapping({ crypto, store }: Pick<ClientConfig, 'crypto' | 'store'>): Promise<WrappingKey> {
  const row = { collection: 'identity', id: 'wrapping' } as const;
  for (;;) {
    const stored = (await store.get(row.collection, row.id)) as CryptoKey | Bytes | undefined;
    if (stored) return crypto.restoreWrappingKey(stored);
    const made = store.bytesOnly ? crypto.random(32) : (await crypto.generateWrappingKey()).stored;
    await store.write([{ ...row, value: made }], [row]);
  }
}

async function prekeys({ store }: Pick<ClientConfig, 'store'>): Promise<[string, StoredPrekey][]> {
  const ids = await store.ids('prekey');
  const rows = await Promise.all(ids.map(async (id) => [id, await store.get('prekey', id)] as const));
  return rows.flatMap(([id, row]) => (row === undefined ? [] : [[id, row as StoredPrekey]]));
}

/** Whether the published prekey is old enough to be replaced. */
export async function isDue(config: ClientConfig, now: number): Promise<boolean> {
  const newest = (await prekeys(config)).find(([, { retiredAt }]) => retiredAt === null);
  return newest !== undefined && now >= newest[1].madeAt + PREKEY_ROTATE_MS;
}

/**
 * Deletes private keys whose time is over, and with a prekey the memory of the invitations that it opened: from then on
 * nobody can open their recorded bodies with what is in the store.
 */
export async function forgetRetired(config: ClientConfig, now: number): Promise<void> {
  const { store } = config;
  const changes: Change[] = [];
  for (const [id, { kem, retiredAt }] of await prekeys(config)) {
    if (retiredAt === null || now < retiredAt + PREKEY_KEEP_MS) continue;
    changes.push(
      { collection: 'prekey', id, value: undefined },
      { collection: 'kem', id: String(kem), value: undefined },
    );
    for (const seen of await store.ids('seen'))
      if (((await store.get('seen', seen)) as { prekey: number } | undefined)?.prekey === Number(id))
        changes.push({ collection: 'seen', id: seen, value: undefined });
  }
  for (const id of await store.ids('one-time')) {
    const row = (await store.get('one-time', id)) as StoredOneTimeKey | undefined;
    if (row && now >= row.expiresAt + PREKEY_KEEP_MS) changes.push({ collection: 'one-time', id, value: undefined });
  }
  if (changes.length > 0) await store.write(changes);
}

/** Makes, keeps and publishes a fresh signed prekey, last-resort key and capabilities. Kept before published. */
export async function publishBundle(api: IdentifiedApi, manifestVersion: number, signal?: AbortSignal): Promise<void> {
  const { config, identity } = api;
  const { crypto, store } = config;
  const owner = ownerOf(identity);
  const now = api.serverNow();
  const [prekey, kem, id] = [
    await crypto.generateAgreementKey(kept(config)),
    await crypto.generateKem(),
    await nextKeyId(config, 2),
  ];
  const fields = (keyId: number) => ({ keyId, manifestVersion, notBefore: now, expiresAt: now + PREKEY_LIFE_MS });
  const capabilities = {
    manifestVersion,
    issuedAt: now,
    media: [...MEDIA.media],
    codecs: [...MEDIA.codecs],
    protocol: { ...MEDIA.protocol },
  };
  const bundle: KeyBundle = {
    suite: BUNDLE.suite,
    signedPrekey: {
      ...fields(id),
      key: base64url(prekey.publicKey),
      signature: await signed(identity.key, signedPrekeyMessage(owner, fields(id), prekey.publicKey)),
    },
    lastResort: {
      ...fields(id + 1),
      key: base64url(kem.publicKey),
      signature: await signed(identity.key, lastResortMessage(owner, fields(id + 1), kem.publicKey)),
    },
    capabilities: { ...capabilities, signature: await signed(identity.key, capabilitiesMessage(owner, capabilities)) },
  };
  const opened = openBundle(owner, bundle);
  if (!opened.ok || !prekey.stored) throw new CallsignError('local', 'bundle');
  const bundles = [hex(opened.bundle.hash)];
  const value: StoredPrekey = { key: prekey.stored, madeAt: now, bundles, kem: id + 1, retiredAt: null };
  const before = (await prekeys(config)).filter(([, { retiredAt }]) => retiredAt === null);
  const seed = await (await wrapping(config)).wrap(kem.seed);
  kem.seed.fill(0);
  await store.write([
    { collection: 'prekey', id: String(id), value },
    { collection: 'kem', id: String(id + 1), value: seed },
  ]);
  const hash = base64url(opened.bundle.hash);
  await noteBundle(store, hash, false);
  await api.ask(KeyStatus, { method: 'PUT', path: '/v1/keys/bundle', body: bundle, repeatable: true, signal });
  await noteBundle(store, hash, true);
  await store.write(
    before.map(([older, row]): Change => ({ collection: 'prekey', id: older, value: { ...row, retiredAt: now } })),
  );
}

/** Makes, keeps and publishes one signed batch of one-time keys. */
export async function publishOneTimeKeys(
  api: IdentifiedApi,
  manifestVersion: number,
  count: number,
  signal?: AbortSignal,
): Promise<void> {
  const { config, identity } = api;
  const { crypto } = config;
  const owner = ownerOf(identity);
  const firstKeyId = await nextKeyId(config, count);
  const made = await Promise.all(Array.from({ length: count }, () => crypto.generateAgreementKey(kept(config))));
  const batchId = crypto.random(16);
  const root = batchRoot(
    firstKeyId,
    made.map((key) => key.publicKey),
  );
  const expiresAt = api.serverNow() + BATCH_LIFE_MS;
  const fields = { batchId: base64url(batchId), manifestVersion, firstKeyId, count, expiresAt, root: base64url(root) };
  const upload: OneTimeKeys = {
    batch: { ...fields, signature: await signed(identity.key, batchMessage(owner, fields, batchId, root)) },
    keys: made.map((key) => base64url(key.publicKey)),
  };
  const changes = made.map((key, i): Change => ({
    collection: 'one-time',
    id: String(firstKeyId + i),
    value: { key: key.stored!, expiresAt } satisfies StoredOneTimeKey,
  }));
  await config.store.write(changes);
  await noteBatch(config.store, upload.batch, false, api.serverNow());
  await api.ask(KeyStatus, { method: 'POST', path: '/v1/keys/one-time', body: upload, repeatable: true, signal });
  await noteBatch(config.store, upload.batch, true, api.serverNow());
}

/** Private keys as the opening of invitations takes them: an opened one is remembered and its one-time key gone in one write. */
export function prekeyStore({ crypto, store }: { crypto: CryptoProvider; store: ClientConfig['store'] }): PrekeyStore {
  const restore = async (stored: StoredKey | undefined): Promise<AgreementKey | null> =>
    stored ? crypto.restoreAgreementKey(stored) : null;
  return {
    async signedPrekey(keyId) {
      const row = (await store.get('prekey', String(keyId))) as StoredPrekey | undefined;
      const key = await restore(row?.key);
      return row && key ? { key, bundleHashes: row.bundles.map((text) => fromHex(text) ?? new Uint8Array()) } : null;
    },
    async oneTimeKey(keyId) {
      const row = (await store.get('one-time', String(keyId))) as StoredOneTimeKey | undefined;
      return restore(row?.key);
    },
    async kemKey(keyId) {
      const wrapped = (await store.get('kem', String(keyId))) as Bytes | undefined;
      const seed = wrapped && (await (await wrapping({ crypto, store })).unwrap(wrapped));
      return seed ? crypto.restoreKem(seed) : null;
    },
    seen: async (replayKey) => (await store.get('seen', hex(replayKey))) !== undefined,
    async consume({ replayKey, signedPrekeyId, oneTimeKeyId }) {
      const seen = { collection: 'seen', id: hex(replayKey) } as const;
      const changes: Change[] = [{ ...seen, value: { prekey: signedPrekeyId } }];
      if (oneTimeKeyId !== 0) changes.push({ collection: 'one-time', id: String(oneTimeKeyId), value: undefined });
      return store.write(changes, [seen]);
    },
  };
}
