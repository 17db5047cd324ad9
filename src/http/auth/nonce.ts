/** Stateless nonces: what the server handed out it recognizes by its own MAC. Only their use is ever written down. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { concat, equal, lp, u32 } from '../../bytes/join.ts';
import { fromUtf8, utf8 } from '../../bytes/utf8.ts';
import { DPOP_NONCE_BUCKET_S } from '../../protocol/request.ts';

/** A MAC key by name; two may be current, the first of a list makes new nonces. `kid`: letters and digits, at most 16. */
export interface MacKey {
  readonly kid: string;
  /** 32 bytes. */
  readonly secret: Uint8Array;
}

export type NoncePurpose = 'enrol' | 'renew' | 'hello';

/** What a nonce says; it is read from the token, never from the rest of a request. */
export interface Nonce {
  readonly purpose: NoncePurpose;
  /** Device and account ids, or null where they are not known yet. */
  readonly device: string | null;
  readonly account: string | null;
  /** What else the purpose binds, e.g. the evidence format; at most 64 characters. */
  readonly detail: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export type NonceReason = 'malformed' | 'unknown-key' | 'forged' | 'wrong-purpose' | 'expired';

const DOMAIN = utf8('callsign/nonce/1\0');
const MAX_LENGTH = 512;

/**
 * `<kid>.<payload>.<mac>`; payload = random[16] || expiry u64 || lp(purpose) || lp(device) || lp(account) || lp(detail), mac =
 * HMAC-SHA256(key, "callsign/nonce/1\0" || lp(kid) || payload).
 */
export function mintNonce([key]: readonly [MacKey, ...MacKey[]], nonce: Nonce, random: Uint8Array): string {
  const { purpose, device, account, detail, expiresAt } = nonce;
  const texts = [purpose, device ?? '', account ?? '', detail].map((text) => lp(utf8(text)));
  const payload = concat(random.subarray(0, 16), u64(expiresAt), ...texts);
  return `${key.kid}.${base64url(payload)}.${base64url(macOf(key, payload))}`;
}

export function openNonce(
  keys: readonly MacKey[],
  text: string,
  purpose: NoncePurpose,
  now: number,
): { ok: true; nonce: Nonce; id: string } | { ok: false; reason: NonceReason } {
  const [kid, body, seal, ...rest] = text.length <= MAX_LENGTH ? text.split('.') : [];
  const payload = fromBase64url(body ?? '-');
  const mac = fromBase64url(seal ?? '-');
  if (!payload || payload.length < 24 || mac?.length !== 32 || rest.length > 0)
    return { ok: false, reason: 'malformed' };
  const key = keys.find((one) => one.kid === kid);
  if (!key) return { ok: false, reason: 'unknown-key' };
  if (!equal(macOf(key, payload), mac)) return { ok: false, reason: 'forged' };
  const nonce = parse(payload);
  if (!nonce) return { ok: false, reason: 'malformed' };
  if (nonce.purpose !== purpose) return { ok: false, reason: 'wrong-purpose' };
  if (nonce.expiresAt <= now) return { ok: false, reason: 'expired' };
  return { ok: true, nonce, id: base64url(payload.subarray(0, 16)) };
}

/** Bytes under our own MAC: ours to trust, and still read with care for an older version's form. */
function parse(payload: Uint8Array): Nonce | null {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const texts: string[] = [];
  let at = 24;
  while (at + 4 <= payload.length) {
    const end = at + 4 + view.getUint32(at);
    const text = end <= payload.length ? fromUtf8(payload.subarray(at + 4, end)) : null;
    if (text === null) return null;
    texts.push(text);
    at = end;
  }
  const [purpose, device, account, detail] = texts;
  if (at !== payload.length || texts.length !== 4 || detail === undefined) return null;
  return {
    purpose: purpose as NoncePurpose,
    device: device || null,
    account: account || null,
    detail,
    expiresAt: Number(view.getBigUint64(16)),
  };
}

function macOf({ kid, secret }: MacKey, payload: Uint8Array): Uint8Array {
  return hmac(sha256, secret, concat(DOMAIN, lp(utf8(kid)), payload));
}

function u64(value: number): Uint8Array {
  return concat(u32(Math.floor(value / 2 ** 32)), u32(value % 2 ** 32));
}

const DPOP_DOMAIN = utf8('callsign/dpop-nonce/1\0');

/** The DPoP nonce of now: the same for everybody for one time bucket. */
export function dpopNonce([key]: readonly [MacKey, ...MacKey[]], now: number): string {
  return bucketNonce(key, bucketOf(now));
}

/** True for a nonce of this bucket or the one before. */
export function isDpopNonce(keys: readonly MacKey[], text: string, now: number): boolean {
  const bucket = bucketOf(now);
  const current = keys.flatMap((key) => [bucketNonce(key, bucket), bucketNonce(key, bucket - 1)]);
  return current.some((nonce) => equal(utf8(nonce), utf8(text)));
}

function bucketOf(now: number): number {
  return Math.floor(now / 1000 / DPOP_NONCE_BUCKET_S);
}

function bucketNonce({ kid, secret }: MacKey, bucket: number): string {
  const mac = hmac(sha256, secret, concat(DPOP_DOMAIN, lp(utf8(kid)), u64(bucket)));
  return `${kid}.${base64url(mac.subarray(0, 16))}`;
}
