import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { concat } from '../../bytes/join.ts';
import { accountBytes, accountIdOf } from '../account.ts';

const VERSION = 1;
const LENGTH = 1 + 32 + 16 + 16;

/** What the sponsor shows and the newcomer scans. */
export interface LinkInvitation {
  readonly account: string;
  /** 16 bytes, base64url. */
  readonly link: string;
  /** 16 bytes that admit to the link's one seat, base64url. They are no key: the code is what protects the account. */
  readonly secret: string;
}

/** base64url(u8 1 || account (32) || link (16) || secret (16)): 87 characters, for a QR code. */
export function writeInvitation({ account, link, secret }: LinkInvitation): string {
  const parts = [accountBytes(account), fromBase64url(link), fromBase64url(secret)];
  return base64url(concat(Uint8Array.of(VERSION), ...parts.map((part) => part ?? new Uint8Array())));
}

/** Null for anything else. */
export function readInvitation(text: string): LinkInvitation | null {
  const bytes = text.length <= 128 ? fromBase64url(text) : null;
  if (bytes?.length !== LENGTH || bytes[0] !== VERSION) return null;
  const link = base64url(bytes.subarray(33, 49));
  return { account: accountIdOf(bytes.subarray(1, 33)), link, secret: base64url(bytes.subarray(49)) };
}
