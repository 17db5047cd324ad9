/** Key bundles on the wire: what a device publishes and a lookup returns. The signed bytes are in src/directory/bundle.ts. */
import * as v from 'valibot';

export const BUNDLE = {
  suite: 1,
  pointBytes: 65,
  kemKeyBytes: 1184,
  /** One-time keys in one signed batch. */
  batchKeys: 100,
  /** A signed prekey is marked stale this long after its notBefore, whatever expiry it claims. */
  freshMs: 21 * 86_400_000,
} as const;

/** So few one-time keys left: the server says so, and a device makes more. */
export const ONE_TIME_LOW = 25;

/** base64url text of exactly `bytes` bytes; whether it is the canonical text is checked where it is decoded. */
const binary = (bytes: number) =>
  v.pipe(v.string(), v.length(Math.ceil((bytes * 4) / 3)), v.regex(/^[A-Za-z0-9_-]*$/, 'base64url'));
const u32 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff));
const keyId = v.pipe(u32, v.minValue(1));
/** Milliseconds since 1970. */
const time = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(8.64e15));
const word = v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9./+-]{0,31}$/));

const signedKey = (bytes: number) =>
  v.object({
    /** Monotonic per device over all kinds of key, never used again. */
    keyId,
    /** Version of the account's manifest when it was signed. */
    manifestVersion: u32,
    notBefore: time,
    expiresAt: time,
    key: binary(bytes),
    signature: binary(64),
  });

export const SignedPrekey = signedKey(BUNDLE.pointBytes);
export const LastResortKey = signedKey(BUNDLE.kemKeyBytes);

export const DeviceCapabilities = v.object({
  manifestVersion: u32,
  issuedAt: time,
  /** 'audio', 'video', 'screen'; kinds that a reader does not know are ignored. */
  media: v.pipe(v.array(word), v.maxLength(8)),
  codecs: v.pipe(v.array(word), v.maxLength(32)),
  /** Lowest and highest version of the call protocol. */
  protocol: v.object({ min: u32, max: u32 }),
  signature: binary(64),
});

export const KeyBundle = v.object({
  suite: v.literal(BUNDLE.suite),
  signedPrekey: SignedPrekey,
  lastResort: LastResortKey,
  capabilities: DeviceCapabilities,
});

export const OneTimeBatch = v.object({
  batchId: binary(16),
  manifestVersion: u32,
  /** Key ids of the batch are firstKeyId .. firstKeyId + count - 1, in the order of the list. */
  firstKeyId: keyId,
  count: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(BUNDLE.batchKeys)),
  expiresAt: time,
  /** Merkle tree hash (RFC 9162 §2.1) of the list. */
  root: binary(32),
  signature: binary(64),
});

/** What a device uploads. */
export const OneTimeKeys = v.object({
  batch: OneTimeBatch,
  keys: v.pipe(v.array(binary(BUNDLE.pointBytes)), v.minLength(1), v.maxLength(BUNDLE.batchKeys)),
});

/** What a caller gets: one key with the proof that its owner signed it at this place of the batch. */
export const OneTimeKey = v.object({
  batch: OneTimeBatch,
  index: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(BUNDLE.batchKeys - 1)),
  key: binary(BUNDLE.pointBytes),
  path: v.pipe(v.array(binary(32)), v.maxLength(7)),
});

export type SignedPrekey = v.InferOutput<typeof SignedPrekey>;
export type LastResortKey = v.InferOutput<typeof LastResortKey>;
export type DeviceCapabilities = v.InferOutput<typeof DeviceCapabilities>;
export type KeyBundle = v.InferOutput<typeof KeyBundle>;
export type OneTimeBatch = v.InferOutput<typeof OneTimeBatch>;
export type OneTimeKeys = v.InferOutput<typeof OneTimeKeys>;
export type OneTimeKey = v.InferOutput<typeof OneTimeKey>;
