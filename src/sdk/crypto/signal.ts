/** Later messages of a call: sealed under a signal key with a counter, each accepted once. */
import { concat, equal, u32 } from '../../bytes/join.ts';
import { MESSAGE_BYTES, pad, unpad } from './body.ts';
import type { Role } from './labels.ts';
import { KIND, ROLE, SUITE, VERSION } from './labels.ts';
import type { Bytes, CryptoProvider } from './provider.ts';
import { replayWindow } from '../media/window.ts';

export const SIGNAL_HEADER_BYTES = 3 + 16 + 1 + 8;

const u64 = (value: number): Bytes => concat(u32(Math.floor(value / 2 ** 32)), u32(value % 2 ** 32));
const prefix = (callId: Uint8Array, sender: Role): Bytes =>
  concat(Uint8Array.of(VERSION, SUITE, KIND.signal), callId, Uint8Array.of(ROLE[sender]));
/** Four zero bytes, then the counter: never the same twice under one key, for the counter only grows. */
const nonceOf = (counter: Uint8Array): Bytes => concat(new Uint8Array(4), counter);

export interface SignalSender {
  /** Null when the content is longer than a body may be. */
  seal(content: Uint8Array): Promise<Bytes | null>;
}

export interface SignalReceiver {
  open(sealed: Uint8Array): Promise<{ ok: true; content: Bytes } | { ok: false; reason: SignalRefusal }>;
}

export type SignalRefusal = 'malformed' | 'unsupported' | 'other-call' | 'reflected' | 'replayed' | 'unauthentic';

export function signalSender(crypto: CryptoProvider, key: Uint8Array, callId: Uint8Array, role: Role): SignalSender {
  let counter = 0;
  return {
    async seal(content) {
      const padded = pad(content);
      if (SIGNAL_HEADER_BYTES + padded.length + 16 > MESSAGE_BYTES) return null;
      const number = u64(counter++);
      const header = concat(prefix(callId, role), number);
      return concat(header, await crypto.gcmSeal(key, nonceOf(number), header, padded));
    },
  };
}

/** `peer` is the role of the sender. Messages may arrive in any order within 128 of the newest. */
export function signalReceiver(
  crypto: CryptoProvider,
  key: Uint8Array,
  callId: Uint8Array,
  peer: Role,
): SignalReceiver {
  const window = replayWindow();
  const expected = prefix(callId, peer);
  return {
    async open(sealed) {
      const refused = refuse(sealed, expected);
      if (refused !== null) return { ok: false, reason: refused };
      const header = sealed.subarray(0, SIGNAL_HEADER_BYTES);
      const counter = Number(new DataView(header.buffer, header.byteOffset + 20).getBigUint64(0));
      if (!Number.isSafeInteger(counter)) return { ok: false, reason: 'malformed' };
      const padded = await crypto.gcmOpen(
        key,
        nonceOf(header.subarray(20)),
        header,
        sealed.subarray(SIGNAL_HEADER_BYTES),
      );
      const parts = padded && unpad(padded, 1);
      if (!parts) return { ok: false, reason: 'unauthentic' };
      // Judged and marked in one step after the await, so that two copies opened side by side count once.
      if (window.judge(counter) !== 'fresh') return { ok: false, reason: 'replayed' };
      window.mark(counter);
      return { ok: true, content: parts[0]! };
    },
  };
}

function refuse(sealed: Uint8Array, expected: Uint8Array): SignalRefusal | null {
  if (sealed.length < SIGNAL_HEADER_BYTES || sealed.length > MESSAGE_BYTES) return 'malformed';
  if (sealed[0] !== VERSION || sealed[1] !== SUITE) return 'unsupported';
  if (sealed[2] !== KIND.signal) return 'malformed';
  if (!equal(sealed.subarray(3, 19), expected.subarray(3, 19))) return 'other-call';
  return sealed[19] === expected[19] ? null : 'reflected';
}
