import { base64url, fromBase64url } from '../../../src/bytes/base64url.ts';
import { concat } from '../../../src/bytes/join.ts';
import { hex } from '../../../src/bytes/hex.ts';
import {
  addressed,
  commit,
  entryHash,
  groupSFrameKey,
  groupSrtpMaster,
  head,
  signedBytes,
  wrappingKey,
} from '../../../src/sdk/crypto/group/keys.ts';
import {
  applyStatement,
  digestOf,
  epochHash,
  type JudgeJoin,
  type Member,
  nameOf,
  type Roster,
  type RosterResult,
  startRoster,
} from '../../../src/sdk/crypto/group/roster.ts';
import { type Statement, statementBytes, statementHash } from '../../../src/sdk/crypto/group/statement.ts';
import { decodeBatch, decodeProof, encodeBatch, encodeProof } from '../../../src/sdk/crypto/group/wire.ts';
import { inviteInto } from '../../../src/sdk/group/invited.ts';
import { nobleCrypto } from '../../../src/sdk/crypto/noble.ts';
import { groupCode, safetyNumber, safetyQr } from '../../../src/sdk/crypto/safety.ts';
import { sivSeal } from '../../../src/sdk/crypto/siv.ts';
import { b, type Input, type Table } from './input.ts';

const crypto = nobleCrypto();
const statementOf = (i: Input, kind: Statement['kind']): Statement =>
  ({
    kind,
    participant: b(i.participant),
    ...(kind === 'admit' && { account: b(i.account), rosterDigest: b(i.rosterDigest), nonce: b(i.nonce) }),
    ...(kind === 'join' && {
      account: b(i.account),
      device: b(i.device),
      manifest: { version: i.manifestVersion, hash: b(i.manifestHash) },
      prekey: b(i.prekey),
      admission: b(i.admission),
    }),
    ...(kind === 'remove' && { removed: b(i.removed) }),
  }) as Statement;
const statement = (i: Input, kind: Statement['kind']) => hex(statementBytes(b(i.callId), statementOf(i, kind)));
const batchOf = (i: Input) => ({
  head: b(i.head),
  rosterHash: b(i.rosterHash),
  ephemeral: b(i.ephemeral),
  commitment: b(i.commitment),
  nextPrekey: b(i.nextPrekey),
  nextPrekeyNumber: i.nextPrekeyNumber,
});

/** Byte strings of a value in hexadecimal, also those within. */
const shown = (value: unknown): unknown => {
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return value.map(shown);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, shown(part)]));
};
const readBatch = (text: string) => {
  const bytes = fromBase64url(text);
  return shown(bytes && decodeBatch(bytes));
};

/** Entry by entry whether it counts, and the roster digest after it. `devices` are those whose keys section 3 accepts. */
async function foldedLog({ callId, founder, devices, entries }: Input) {
  const call = b(callId);
  const judge: JudgeJoin = async ({ account, device }) => {
    const found = devices.find((one: Input) => one.account === hex(account) && one.device === hex(device));
    return found ? { ok: true, identityKey: b(found.identityKey) } : { ok: false, reason: 'not-in-manifest' };
  };
  let roster: Roster | null = null;
  const folded: { counts: boolean; digest: string | null }[] = [];
  for (const text of entries) {
    const bytes = fromBase64url(text);
    const proof = bytes && decodeProof(call, bytes);
    const { statement } = proof ?? {};
    const begins: boolean =
      statement?.kind === 'join' && hex(await statementHash(crypto, call, statement)) === founder && folded.length === 0;
    const result: RosterResult | null = !proof
      ? null
      : roster
        ? await applyStatement(crypto, roster, proof, judge)
        : begins
          ? await startRoster(crypto, call, { statement: statement as never, signature: proof.signature }, judge)
          : null;
    if (result?.ok) roster = result.roster;
    folded.push({ counts: result?.ok === true, digest: roster && hex(roster.digest) });
  }
  return folded;
}
const to = (i: Input) => ({ recipient: b(i.recipient), prekeyNumber: i.prekeyNumber });
const known = (i: Input) => ({
  account: b(i.account),
  resets: i.resets,
  head: { version: i.version, hash: b(i.hash ?? '') },
});

export const groups: Table = {
  'group/admit': (i) => statement(i, 'admit'),
  'group/join': (i) => statement(i, 'join'),
  'group/remove': (i) => statement(i, 'remove'),
  'group/leave': (i) => statement(i, 'leave'),
  'group/proof': (i) => {
    const [statement, certificates] = [statementOf(i, i.kind), (i.certificates ?? []).map(b)];
    return base64url(encodeProof(b(i.callId), { statement, signature: b(i.signature), certificates }));
  },
  'group/log': foldedLog,
  'group/invited': (i) => inviteInto({ founder: b(i.founder), admission: b(i.admission) }),
  'group/name': async (i) => hex(await nameOf(crypto, b(i.account), b(i.device), b(i.identityKey))),
  'group/roster-digest': async (i) => {
    const members = i.members.map((m: Input): [string, Member] => [
      m.participant,
      { participant: b(m.participant), name: b(m.name) } as Member,
    ]);
    return hex(await digestOf(crypto, b(i.callId), new Map(members)));
  },
  'group/roster-hash': async (i) => hex(await epochHash(crypto, { digest: b(i.digest) } as Roster, i.epoch)),
  'group/head': (i) => hex(head(b(i.callId), i.epoch, b(i.sender))),
  'group/wrapping-key': async (i) => {
    const head_ = addressed(b(i.head), to(i));
    return hex(await wrappingKey(crypto, b(i.shared), b(i.rosterHash), head_, b(i.ephemeral), b(i.prekey)));
  },
  'group/wrapped': (i) =>
    hex(sivSeal(b(i.key), [addressed(b(i.head), to(i)), b(i.rosterHash)], b(i.secret))),
  'group/commitment': async (i) => hex(await commit(crypto, b(i.secret), b(i.head))),
  'group/entry': async (i) => hex(await entryHash(crypto, { ...to(i), wrapped: b(i.wrapped) })),
  'group/signed-keys': (i) => hex(signedBytes(batchOf(i), i.hashes.map(b))),
  'group/batch': (i) => {
    const entries = i.entries.map((one: Input) => ({ ...to(one), wrapped: b(one.wrapped) }));
    return base64url(encodeBatch({ ...batchOf(i), entries, signature: b(i.signature) }));
  },
  'group/read-batch': (i) => readBatch(i.body),
  'group/sframe': async (i) => hex(await groupSFrameKey(crypto, b(i.callId), b(i.sender), i.epoch, b(i.secret))),
  'group/srtp': async (i) => {
    const { key, salt } = await groupSrtpMaster(crypto, b(i.callId), b(i.sender), i.epoch, b(i.secret));
    return hex(concat(key, salt));
  },
  'group/code': (i) =>
    groupCode(
      crypto,
      b(i.callId),
      i.members.map((m: Input) => ({ account: b(m.account), spki: b(m.spki) })),
    ),
  'safety/number': (i) => safetyNumber(crypto, known(i.one), known(i.other)),
  'safety/scanned': (i) => hex(safetyQr(known(i.own), known(i.peer))),
};
