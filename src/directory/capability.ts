import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { concat, equal, lp, u32 } from '../bytes/join.ts';
import { utf8 } from '../bytes/utf8.ts';
import { accountBytes, deviceBytes } from './account.ts';

/**
 * A capability: what a lookup gives one caller device for one callee device, and an invitation must carry. Opaque to
 * clients. It carries what the checker cannot know; its MAC covers who may call whom as well.
 *
 *   text = base64url( version[1] || key id u32 || expiry u64 (ms) || epoch u32 || mac[32] )
 *   mac  = HMAC-SHA256(key, "callsign/capability/1\0" || version || key id || lp(caller account) || lp(caller device)
 *          || lp(callee account) || lp(callee device) || lp(purpose) || expiry || epoch)
 */
const DOMAIN = utf8('callsign/capability/1\0');
const VERSION = 1;
const HEAD_BYTES = 17;
const BYTES = HEAD_BYTES + 32;

export interface CapabilityKey {
  readonly kid: number;
  /** 32 bytes, known to the callee's account alone. */
  readonly secret: Uint8Array;
}

interface Named {
  readonly account: string;
  readonly device: string;
}

export interface CapabilityScope {
  readonly caller: Named;
  readonly callee: Named;
  readonly purpose: string;
  /** Number of the callable set: a change of it ends every capability. */
  readonly epoch: number;
}

export type CapabilityReason = 'malformed' | 'unknown-key' | 'forged' | 'expired' | 'stale';

export function mintCapability(key: CapabilityKey, scope: CapabilityScope & { readonly expiresAt: number }): string {
  const head = concat(new Uint8Array([VERSION]), u32(key.kid), u64(scope.expiresAt), u32(scope.epoch));
  return base64url(concat(head, macOf(key, head, scope)));
}

/** `expired` and `stale` are told only to who shows a genuine one. */
export function checkCapability(
  keys: readonly CapabilityKey[],
  text: string,
  scope: CapabilityScope,
  now: number,
): { ok: true; expiresAt: number } | { ok: false; reason: CapabilityReason } {
  const bytes = text.length === Math.ceil((BYTES * 8) / 6) ? fromBase64url(text) : null;
  if (bytes?.length !== BYTES || bytes[0] !== VERSION) return { ok: false, reason: 'malformed' };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const key = keys.find(({ kid }) => kid === view.getUint32(1));
  if (!key) return { ok: false, reason: 'unknown-key' };
  const head = bytes.subarray(0, HEAD_BYTES);
  if (!equal(macOf(key, head, scope), bytes.subarray(HEAD_BYTES))) return { ok: false, reason: 'forged' };
  const expiresAt = Number(view.getBigUint64(5));
  if (expiresAt <= now) return { ok: false, reason: 'expired' };
  return view.getUint32(13) === scope.epoch ? { ok: true, expiresAt } : { ok: false, reason: 'stale' };
}

function macOf(key: CapabilityKey, head: Uint8Array, { caller, callee, purpose }: CapabilityScope): Uint8Array {
  const who = [caller, callee].flatMap(({ account, device }) => [accountBytes(account), deviceBytes(device)]);
  const named = who.map((id) => lp(id ?? new Uint8Array()));
  return hmac(sha256, key.secret, concat(DOMAIN, head.subarray(0, 5), ...named, lp(utf8(purpose)), head.subarray(5)));
}

function u64(value: number): Uint8Array {
  return concat(u32(Math.floor(value / 2 ** 32)), u32(value % 2 ** 32));
}
