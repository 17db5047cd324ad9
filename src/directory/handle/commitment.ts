import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { Head } from '../manifest/head.ts';

/** What a manifest says of a handle: HMAC-SHA256(salt, canonical handle), base64url. The salt has 32 random bytes of its own. */
export function commitmentOf(salt: Uint8Array, canonical: string): string {
  return base64url(hmac(sha256, salt, utf8(canonical)));
}

/** Whether the verified head commits to this handle under this salt (base64url). */
export function commits(head: Head, salt: string, canonical: string): boolean {
  const bytes = fromBase64url(salt);
  return bytes?.length === 32 && head.manifest.handles.includes(commitmentOf(bytes, canonical));
}
