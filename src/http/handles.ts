import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64url } from '../bytes/base64url.ts';
import { concat } from '../bytes/join.ts';
import { utf8 } from '../bytes/utf8.ts';
import type { HandleRules } from '../directory/handle/canonical.ts';
import type { Services } from './services.ts';

export const HANDLE_RULES: HandleRules = { kinds: ['phone', 'email'], issuers: [] };

/** How the directory keeps a canonical handle: a keyed hash, so that its rows are no phone book. */
export function handleHash({ keys }: Services, canonical: string): string {
  return base64url(hmac(sha256, keys.handles.secret, concat(utf8('callsign/handle/1\0'), utf8(canonical))));
}

/** Salt of an account's commitment to a handle: 32 bytes, the same again for a retry, so that it commits to the same value. */
export function saltOf({ keys }: Services, account: string, canonical: string): Uint8Array {
  return hmac(sha256, keys.handles.secret, utf8(`callsign/handle-salt/1\0${account}\0${canonical}`));
}
