/** What is derived from the session secret S, by label, direction (the sender's role) and stream. */
import { concat } from '../../bytes/join.ts';
import type { Role } from './labels.ts';
import { EMPTY, LABEL, ROLE } from './labels.ts';
import type { Bytes, CryptoProvider } from './provider.ts';

/** Streams that have their own SRTP master key in each direction. */
export const STREAM = { audio: 1, video: 2, screen: 3 } as const;
export type Stream = keyof typeof STREAM;

/** RFC 3711 §3.2.1 with the sizes of AES_256_CM_HMAC_SHA1_80: key 32 bytes, salt 14 bytes. */
export interface SrtpMaster {
  key: Bytes;
  salt: Bytes;
}

export interface Directed<T> {
  send: T;
  receive: T;
}

/** All keys of a call between two devices. In memory only, gone with the call. */
export interface SessionKeys {
  srtp: Record<Stream, Directed<SrtpMaster>>;
  /** SFrame base keys (RFC 9605 §4.4.2), 32 bytes. */
  sframe: Directed<Bytes>;
  /** Keys of later messages, 32 bytes (signal.ts). */
  signal: Directed<Bytes>;
  /** Short authentication string: two groups of four digits for two people to read to each other. */
  sas: string;
}

export const opposite = (role: Role): Role => (role === 'caller' ? 'callee' : 'caller');

export async function deriveSecret(
  crypto: CryptoProvider,
  ephemerals: Uint8Array,
  exporter: Uint8Array,
  transcript: Uint8Array,
): Promise<Bytes> {
  return crypto.hkdf(concat(ephemerals, exporter), transcript, LABEL.session, 32);
}

/** MAC key of STUN-framed datagrams that this role sends over the relay. */
export const relayKey = (crypto: CryptoProvider, secret: Uint8Array, role: Role): Promise<Bytes> =>
  crypto.hkdf(secret, EMPTY, concat(LABEL.relay, Uint8Array.of(ROLE[role])), 32);

/** HMAC over transcript, role and that role's own SPKI hash, under a key of its own: 32 bytes, not truncated. */
export async function confirmation(
  crypto: CryptoProvider,
  secret: Uint8Array,
  transcript: Uint8Array,
  role: Role,
  spki: Uint8Array,
): Promise<Bytes> {
  const part = Uint8Array.of(ROLE[role]);
  const key = await crypto.hkdf(secret, EMPTY, concat(LABEL.confirm, part), 32);
  return crypto.hmacSha256(key, concat(transcript, part, spki));
}

export interface SasInput {
  /** Nc || Nd */
  nonces: Uint8Array;
  callerAccount: Uint8Array;
  calleeAccount: Uint8Array;
}

export async function deriveKeys(
  crypto: CryptoProvider,
  secret: Uint8Array,
  role: Role,
  sas: SasInput,
): Promise<SessionKeys> {
  const both = async <T>(derive: (sender: Role) => Promise<T>): Promise<Directed<T>> => {
    const [send, receive] = await Promise.all([derive(role), derive(opposite(role))]);
    return { send, receive };
  };
  const labeled = (label: Uint8Array) => (sender: Role) =>
    crypto.hkdf(secret, EMPTY, concat(label, Uint8Array.of(ROLE[sender])), 32);
  const srtp = (stream: Stream) => both((sender) => deriveSrtp(crypto, secret, sender, stream));
  const [audio, video, screen, sframe, signal, digits] = await Promise.all([
    srtp('audio'),
    srtp('video'),
    srtp('screen'),
    both(labeled(LABEL.sframe)),
    both(labeled(LABEL.signal)),
    deriveSas(crypto, secret, sas),
  ]);
  return { srtp: { audio, video, screen }, sframe, signal, sas: digits };
}

async function deriveSrtp(
  crypto: CryptoProvider,
  secret: Uint8Array,
  sender: Role,
  stream: Stream,
): Promise<SrtpMaster> {
  const info = concat(LABEL.srtp, Uint8Array.of(ROLE[sender], STREAM[stream]));
  const master = await crypto.hkdf(secret, EMPTY, info, 46);
  return { key: master.slice(0, 32), salt: master.slice(32) };
}

/** First 8 bytes as an integer, modulo 10^8. The nonces are committed to before they are shown, so it cannot be ground. */
async function deriveSas(crypto: CryptoProvider, secret: Uint8Array, sas: SasInput): Promise<string> {
  const info = concat(LABEL.sas, sas.callerAccount, sas.calleeAccount);
  const bytes = await crypto.hkdf(secret, sas.nonces, info, 8);
  const digits = (new DataView(bytes.buffer).getBigUint64(0) % 100_000_000n).toString().padStart(8, '0');
  return `${digits.slice(0, 4)} ${digits.slice(4)}`;
}
