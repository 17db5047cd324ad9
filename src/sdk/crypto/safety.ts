/** Numbers that people compare: safety number of two accounts, comparison code of a group, and the scanned form. */
import { compare, concat, equal, u16, u32 } from '../../bytes/join.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { Bytes, CryptoProvider } from './provider.ts';

const SAFETY = utf8('callsign/safety/1\0');
const GROUP = utf8('callsign/group-code/1\0');
const QR_VERSION = 1;

/** An account as one side knows it. */
export interface KnownAccount {
  /** 32 bytes. */
  account: Bytes;
  /** How many resets its person went through that this side acknowledged. */
  resets: number;
  /** Head of its verified manifest chain. */
  head: { version: number; hash: Bytes };
}

/** Sixty digits in twelve groups of five: each group is five bytes of SHA-512 modulo 100,000. */
async function sixtyDigits(crypto: CryptoProvider, input: Uint8Array): Promise<string> {
  const view = new DataView((await crypto.sha512(input)).buffer);
  const group = (i: number) => (view.getUint8(i * 5) * 2 ** 32 + view.getUint32(i * 5 + 1)) % 100_000;
  return Array.from({ length: 12 }, (_, i) => group(i).toString().padStart(5, '0')).join(' ');
}

/** The same on both sides; changes with an account or a reset, never with a device. */
export async function safetyNumber(
  crypto: CryptoProvider,
  a: Omit<KnownAccount, 'head'>,
  b: Omit<KnownAccount, 'head'>,
): Promise<string> {
  const ends = [a, b].map(({ account, resets }) => concat(account, u32(resets))).toSorted(compare);
  return sixtyDigits(crypto, concat(SAFETY, ...ends));
}

/** The same for every member of a group call with the same roster, and over nothing secret. */
export async function groupCode(
  crypto: CryptoProvider,
  callId: Uint8Array,
  members: readonly { account: Uint8Array; spki: Uint8Array }[],
): Promise<string> {
  const entries = members.map(({ account, spki }) => concat(account, spki)).toSorted(compare);
  return sixtyDigits(crypto, concat(GROUP, callId, u16(entries.length), ...entries));
}

const encode = ({ account, resets, head }: KnownAccount): Bytes =>
  concat(account, u32(resets), u32(head.version), head.hash);

/** What the QR code holds: version, then the showing side's own account, then the peer's; 145 bytes. */
export function safetyQr(own: KnownAccount, peer: KnownAccount): Bytes {
  return concat(Uint8Array.of(QR_VERSION), encode(own), encode(peer));
}

export type QrVerdict =
  /** Heads of another version still have to be found in the verified chains. */
  | { ok: true; theirHead: KnownAccount['head']; ourHead: KnownAccount['head'] }
  | { ok: false; reason: 'malformed' | 'different-account' | 'different-resets' }
  /** Two manifests with one account and version: raise an alarm, call nothing. */
  | { ok: false; reason: 'fork'; alarm: true };

/** Judges a code that the peer shows, by what this side knows of itself and the peer. */
export function judgeSafetyQr(scanned: Uint8Array, own: KnownAccount, peer: KnownAccount): QrVerdict {
  if (scanned.length !== 145 || scanned[0] !== QR_VERSION) return { ok: false, reason: 'malformed' };
  const [theirs, ours] = [decode(scanned.slice(1, 73)), decode(scanned.slice(73))];
  if (!equal(theirs.account, peer.account) || !equal(ours.account, own.account))
    return { ok: false, reason: 'different-account' };
  if (theirs.resets !== peer.resets || ours.resets !== own.resets) return { ok: false, reason: 'different-resets' };
  if (forked(theirs.head, peer.head) || forked(ours.head, own.head)) return { ok: false, reason: 'fork', alarm: true };
  return { ok: true, theirHead: theirs.head, ourHead: ours.head };
}

function decode(bytes: Bytes): KnownAccount {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const head = { version: view.getUint32(36), hash: bytes.slice(40, 72) };
  return { account: bytes.slice(0, 32), resets: view.getUint32(32), head };
}

const forked = (a: KnownAccount['head'], b: KnownAccount['head']): boolean =>
  a.version === b.version && !equal(a.hash, b.hash);
