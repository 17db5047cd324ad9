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
import { digestOf, epochHash, type Member, nameOf, type Roster } from '../../../src/sdk/crypto/group/roster.ts';
import { type Statement, statementBytes } from '../../../src/sdk/crypto/group/statement.ts';
import { nobleCrypto } from '../../../src/sdk/crypto/noble.ts';
import { groupCode, safetyNumber, safetyQr } from '../../../src/sdk/crypto/safety.ts';
import { sivSeal } from '../../../src/sdk/crypto/siv.ts';
import { b, type Input, type Table } from './input.ts';

const crypto = nobleCrypto();
const statement = (i: Input, rest: Omit<Statement, 'participant'>) =>
  hex(statementBytes(b(i.callId), { participant: b(i.participant), ...rest } as Statement));
const to = (i: Input) => ({ recipient: b(i.recipient), prekeyNumber: i.prekeyNumber });
const known = (i: Input) => ({
  account: b(i.account),
  resets: i.resets,
  head: { version: i.version, hash: b(i.hash ?? '') },
});

export const groups: Table = {
  'group/admit': (i) =>
    statement(i, { kind: 'admit', account: b(i.account), rosterDigest: b(i.rosterDigest), nonce: b(i.nonce) } as never),
  'group/join': (i) =>
    statement(i, {
      kind: 'join',
      account: b(i.account),
      device: b(i.device),
      manifest: { version: i.manifestVersion, hash: b(i.manifestHash) },
      prekey: b(i.prekey),
      admission: b(i.admission),
    } as never),
  'group/remove': (i) => statement(i, { kind: 'remove', removed: b(i.removed) } as never),
  'group/leave': (i) => statement(i, { kind: 'leave' }),
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
  'group/signed-keys': (i) =>
    hex(
      signedBytes(
        {
          head: b(i.head),
          rosterHash: b(i.rosterHash),
          ephemeral: b(i.ephemeral),
          commitment: b(i.commitment),
          nextPrekey: b(i.nextPrekey),
          nextPrekeyNumber: i.nextPrekeyNumber,
        },
        i.hashes.map(b),
      ),
    ),
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
