/** Statements and key batches as the server carries them: opaque to it, one encoding each. */
import { concat, lp, u16 } from '../../../bytes/join.ts';
import type { Bytes } from '../provider.ts';
import { SIZES } from '../provider.ts';
import type { KeyBatch, WrappedKey } from './keys.ts';
import { GROUP_SIZE } from './roster.ts';
import type { SignedStatement, Statement } from './statement.ts';
import { statementBytes } from './statement.ts';

/** The signed bytes, then the signature. */
export function encodeStatement(callId: Bytes, { statement, signature }: SignedStatement): Bytes {
  return concat(statementBytes(callId, statement), signature);
}

/** A JOIN also carries the certificates that its key is judged by. */
export interface Proof extends SignedStatement {
  /** DER, the leaf first; of a JOIN only. */
  certificates: readonly Bytes[];
}

const CERTIFICATES_MAX = 6;

/** A statement as the log has it: of a JOIN with `u8 count || lp(certificate)` for each after it. */
export function encodeProof(callId: Bytes, { certificates, ...signed }: Proof): Bytes {
  const encoded = encodeStatement(callId, signed);
  if (signed.statement.kind !== 'join') return encoded;
  return concat(encoded, Uint8Array.of(certificates.length), ...certificates.map(lp));
}

/** Null unless the bytes are a proof of this call in its one encoding. */
export function decodeProof(callId: Bytes, bytes: Uint8Array): Proof | null {
  const alone = decodeStatement(callId, bytes);
  if (alone) return alone.statement.kind === 'join' ? null : { ...alone, certificates: [] };
  const length = joinBytes(callId);
  const signed = decodeStatement(callId, bytes.subarray(0, length));
  const certificates = signed?.statement.kind === 'join' ? readCertificates(bytes.subarray(length)) : null;
  return signed && certificates && { ...signed, certificates };
}

const joinBytes = (callId: Bytes): number =>
  statementBytes(
    callId,
    READ.join((length) => new Uint8Array(length)),
  ).length + SIZES.signature;

function readCertificates(bytes: Uint8Array): Bytes[] | null {
  const count = bytes[0] ?? 0;
  const found: Bytes[] = [];
  let rest = bytes.subarray(1);
  if (count === 0 || count > CERTIFICATES_MAX) return null;
  for (let at = 0; at < count; at++) {
    if (rest.length < 4) return null;
    const length = number(Uint8Array.from(rest.subarray(0, 4)));
    if (rest.length < 4 + length) return null;
    found.push(Uint8Array.from(rest.subarray(4, 4 + length)));
    rest = rest.subarray(4 + length);
  }
  return rest.length === 0 ? found : null;
}

type Reader = (length: number) => Bytes;

/** By kind: a statement of that kind with the fields read, as far as there are bytes. */
const READ: { [K in Statement['kind']]: (take: Reader) => Extract<Statement, { kind: K }> } = {
  admit: (take) => ({
    kind: 'admit',
    participant: take(16),
    account: take(32),
    rosterDigest: take(32),
    nonce: take(16),
  }),
  join: (take) => ({
    kind: 'join',
    participant: take(16),
    account: take(32),
    device: take(16),
    manifest: { version: number(take(4)), hash: take(32) },
    prekey: take(SIZES.point),
    admission: take(32),
  }),
  remove: (take) => ({ kind: 'remove', participant: take(16), removed: take(16) }),
  leave: (take) => ({ kind: 'leave', participant: take(16) }),
};

const number = (bytes: Bytes): number => bytes.reduce((sum, byte) => sum * 256 + byte, 0);

/** Null unless the bytes are a statement of this call in its one encoding. */
export function decodeStatement(callId: Bytes, bytes: Uint8Array): SignedStatement | null {
  for (const read of Object.values(READ)) {
    const blank = statementBytes(
      callId,
      read((length) => new Uint8Array(length)),
    );
    if (bytes.length !== blank.length + SIZES.signature) continue;
    const fields = readerOf(bytes);
    fields(blank.length - lengthOfFields(read));
    const statement = read(fields);
    const encoded = statementBytes(callId, statement);
    if (encoded.every((byte, i) => byte === bytes[i])) return { statement, signature: fields(SIZES.signature) };
  }
  return null;
}

function readerOf(bytes: Uint8Array): Reader {
  let at = 0;
  return (length) => Uint8Array.from(bytes.subarray(at, (at += length)));
}

function lengthOfFields(read: (take: Reader) => Statement): number {
  let total = 0;
  read((length) => {
    total += length;
    return new Uint8Array(length);
  });
  return total;
}

const HEAD_BYTES = 60;
const ENTRY_BYTES = 32 + 2 + 48;
const FIXED_BYTES = HEAD_BYTES + 32 + SIZES.point + 32 + SIZES.point + 2 + 2 + SIZES.signature;

/** Everything common, the entries with their count, the signature; every member gets the whole. */
export function encodeBatch(batch: KeyBatch): Bytes {
  const { head, rosterHash, ephemeral, commitment, nextPrekey, nextPrekeyNumber, entries, signature } = batch;
  const packed = entries.map((entry) => concat(entry.recipient, u16(entry.prekeyNumber), entry.wrapped));
  const next = concat(nextPrekey, u16(nextPrekeyNumber));
  return concat(head, rosterHash, ephemeral, commitment, next, u16(entries.length), ...packed, signature);
}

/** Null unless the length is that of its count, which is at most 32. */
export function decodeBatch(bytes: Uint8Array): KeyBatch | null {
  if (bytes.length < FIXED_BYTES) return null;
  const take = readerOf(bytes);
  const common = {
    head: take(HEAD_BYTES),
    rosterHash: take(32),
    ephemeral: take(SIZES.point),
    commitment: take(32),
    nextPrekey: take(SIZES.point),
    nextPrekeyNumber: number(take(2)),
  };
  const count = number(take(2));
  if (count >= GROUP_SIZE || bytes.length !== FIXED_BYTES + count * ENTRY_BYTES) return null;
  const entry = (): WrappedKey => ({ recipient: take(32), prekeyNumber: number(take(2)), wrapped: take(48) });
  return { ...common, entries: Array.from({ length: count }, entry), signature: take(SIZES.signature) };
}
