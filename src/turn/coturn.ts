/** Servers that share a secret with this deployment: the TURN REST API (draft-uberti-behave-turn-rest-00), as coturn has it. */
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64 } from '../bytes/base64.ts';
import { base64url } from '../bytes/base64url.ts';
import { concat, lp, u32 } from '../bytes/join.ts';
import { utf8 } from '../bytes/utf8.ts';
import type { IceServer, TurnProvider, TurnUser } from './port.ts';

export interface CoturnConfig {
  /** `stun:`, `turn:` and `turns:` URLs (RFC 7064, RFC 7065), in the order in which a client tries them. */
  readonly urls: readonly string[];
  /** `static-auth-secret`; null with nothing but STUN. */
  readonly secret: string | null;
}

const USER = utf8('callsign/turn-user/1\0');
const USER_BYTES = 12;
const HOUR_S = 3_600;

/**
 * `username` is `<end, seconds>:<user>`, `credential` HMAC-SHA1(secret, username) in base64. `user` is a keyed hash of account, call
 * and the hour of the end: the relay can count what one user allocates, and learns neither who that is nor that it was there before.
 */
export function coturnCredentials(
  secret: string,
  user: TurnUser,
  until: number,
): { username: string; credential: string } {
  const end = Math.floor(until / 1_000);
  const named = [user.account, user.call ?? ''].map((text) => lp(utf8(text)));
  const id = hmac(sha256, utf8(secret), concat(USER, ...named, u32(Math.floor(end / HOUR_S)))).subarray(0, USER_BYTES);
  const username = `${end}:${base64url(id)}`;
  return { username, credential: base64(hmac(sha1, utf8(secret), utf8(username))) };
}

export function coturn({ urls, secret }: CoturnConfig): TurnProvider {
  const stun = urls.filter((url) => url.startsWith('stun'));
  const turn = urls.filter((url) => !url.startsWith('stun'));
  return {
    async serversFor(user, until) {
      const servers: IceServer[] = stun.length > 0 ? [{ urls: stun }] : [];
      if (turn.length > 0 && secret !== null) servers.push({ urls: turn, ...coturnCredentials(secret, user, until) });
      return { ok: true, servers };
    },
  };
}
