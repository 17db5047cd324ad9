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
import type { AgreementKey, Bytes, CryptoProvider, SigningKey, StoredKey } from './crypto/provider.ts';
import { CallsignError } from './errors.ts';
import type { Identity } from './identity.ts';
import type { Change } from './store.ts';

/** A signed prekey is replaced after this, and its private key deleted this long after its successor was published. */
export const PREKEY_ROTATE_MS = 7 * 86_400_000;
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

/** Makes, keeps and publishes a fresh signed prekey, last-resort key and capabilities. Kept before published. */
export async function publishBundle(
  config: ClientConfig,
  api: IdentifiedApi,
  manifestVersion: number,
  signal?: AbortSignal,
): Promise<void> {
  const { crypto } = config;
  const { identity } = api;
  const owner = ownerOf(identity);
  const now = config.now() + api.clockOffset;
  const [prekey, kem, id] = [
    await crypto.generateAgreementKey(),
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
  const kept: StoredPrekey = { key: prekey.stored, madeAt: now, bundles: [hex(opened.bundle.hash)] };
  await config.store.write([
    { collection: 'prekey', id: String(id), value: kept },
    { collection: 'kem', id: String(id + 1), value: kem.seed },
  ]);
  await api.ask(KeyStatus, { method: 'PUT', path: '/v1/keys/bundle', body: bundle, ...(signal && { signal }) });
}

/** Makes, keeps and publishes one signed batch of one-time keys. */
export async function publishOneTimeKeys(
  config: ClientConfig,
  api: IdentifiedApi,
  manifestVersion: number,
  count: number,
  signal?: AbortSignal,
): Promise<void> {
  const { crypto } = config;
  const { identity } = api;
  const owner = ownerOf(identity);
  const firstKeyId = await nextKeyId(config, count);
  const made = await Promise.all(Array.from({ length: count }, () => crypto.generateAgreementKey()));
  const batchId = crypto.random(16);
  const root = batchRoot(
    firstKeyId,
    made.map((key) => key.publicKey),
  );
  const expiresAt = config.now() + api.clockOffset + BATCH_LIFE_MS;
  const fields = { batchId: base64url(batchId), manifestVersion, firstKeyId, count, expiresAt, root: base64url(root) };
  const upload: OneTimeKeys = {
    batch: { ...fields, signature: await signed(identity.key, batchMessage(owner, fields, batchId, root)) },
    keys: made.map((key) => base64url(key.publicKey)),
  };
  const changes = made.map((key, i): Change => ({
    collection: 'one-time',
    id: String(firstKeyId + i),
    value: key.stored,
  }));
  await config.store.write(changes);
  await api.ask(KeyStatus, { method: 'POST', path: '/v1/keys/one-time', body: upload, ...(signal && { signal }) });
}

/** Private keys as the opening of invitations takes them: an opened one is remembered and its one-time key gone in one write. */
export function prekeyStore({ crypto, store }: { crypto: CryptoProvider; store: ClientConfig['store'] }): PrekeyStore {
  const restore = async (stored: StoredKey | undefined): Promise<AgreementKey | null> =>
    stored ? crypto.restoreAgreementKey(stored) : null;
  return {
    async signedPrekey(keyId) {
      const kept = (await store.get('prekey', String(keyId))) as StoredPrekey | undefined;
      const key = await restore(kept?.key);
      return kept && key ? { key, bundleHashes: kept.bundles.map((text) => fromHex(text) ?? new Uint8Array()) } : null;
    },
    oneTimeKey: async (keyId) => restore((await store.get('one-time', String(keyId))) as StoredKey | undefined),
    async kemKey(keyId) {
      const seed = (await store.get('kem', String(keyId))) as Bytes | undefined;
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
