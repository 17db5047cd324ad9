/**
 * Who is in a group call: the creator and the chain of signed statements, never the server's word. Every device folds the
 * statements itself; two devices that saw the same have the same digest.
 */
import { hex } from '../../../bytes/hex.ts';
import { compare, concat, equal, u16, u32 } from '../../../bytes/join.ts';
import { utf8 } from '../../../bytes/utf8.ts';
import type { PeerVerdict } from '../peer.ts';
import { isPoint, spkiOf } from '../point.ts';
import type { Bytes, CryptoProvider } from '../provider.ts';
import type { Admit, Join, SignedStatement, Statement } from './statement.ts';
import { statementBytes, statementHash } from './statement.ts';

export const GROUP_SIZE = 33;

export interface Member {
  participant: Bytes;
  account: Bytes;
  device: Bytes;
  /** 65 bytes, accepted by section 1 of the page. */
  identityKey: Bytes;
  /** SHA-256(account || device || SPKI): how headers name it. */
  name: Bytes;
  /** Its newest call prekey and that one's number. */
  prekey: Bytes;
  prekeyNumber: number;
  /** Hash of its admission, in hex. */
  admission: string;
}

interface Admission {
  account: Bytes;
  by: string;
}

export interface Roster {
  readonly callId: Bytes;
  /** By participant id in hex, as are `creator`, `gone` and `by`. */
  readonly members: ReadonlyMap<string, Member>;
  readonly creator: string;
  readonly admissions: ReadonlyMap<string, Admission>;
  /** Participant ids that are final: left, removed or replaced. */
  readonly gone: ReadonlySet<string>;
  readonly digest: Bytes;
  /** Every digest there has been, in hex. */
  readonly history: ReadonlySet<string>;
}

export type RosterRefusal =
  | 'not-a-member'
  | 'unauthentic'
  | 'unknown-roster'
  | 'not-admitted'
  | 'reused-participant'
  | 'bad-prekey'
  | 'not-allowed'
  | 'full'
  | Extract<PeerVerdict, { ok: false }>['reason'];
export type RosterResult = { ok: true; roster: Roster } | { ok: false; reason: RosterRefusal };

/** Accepts or refuses the device of a JOIN: manifest, certificate, revocation (peer.ts). */
export type JudgeJoin = (join: Join) => Promise<PeerVerdict>;

const DIGEST = utf8('callsign/ftgk/1 roster\0');
const EPOCH = utf8('callsign/ftgk/1 epoch\0');
export const NO_ADMISSION = new Uint8Array(32);

const no = (reason: RosterRefusal): RosterResult => ({ ok: false, reason });

export const nameOf = (crypto: CryptoProvider, account: Bytes, device: Bytes, identityKey: Bytes): Promise<Bytes> =>
  crypto.sha256(concat(account, device, spkiOf(identityKey)));

/** Call id, count, then (participant id, name) sorted by participant id. Prekeys are left out: they rotate with each epoch. */
export async function digestOf(
  crypto: CryptoProvider,
  callId: Bytes,
  members: ReadonlyMap<string, Member>,
): Promise<Bytes> {
  const entries = [...members.values()].map(({ participant, name }) => concat(participant, name)).toSorted(compare);
  return crypto.sha256(concat(DIGEST, callId, u16(entries.length), ...entries));
}

/** The roster hash that keys of an epoch are bound to. */
export const epochHash = (crypto: CryptoProvider, roster: Roster, epoch: number): Promise<Bytes> =>
  crypto.sha256(concat(EPOCH, u32(epoch), roster.digest));

async function changed(
  crypto: CryptoProvider,
  roster: Roster,
  change: Partial<Pick<Roster, 'members' | 'creator' | 'admissions' | 'gone'>>,
): Promise<RosterResult> {
  const next = { ...roster, ...change };
  const digest = await digestOf(crypto, next.callId, next.members);
  return { ok: true, roster: { ...next, digest, history: new Set([...next.history, hex(digest)]) } };
}

/** The roster of one: the creator, whom the caller of this function already knows from the call itself. */
export async function startRoster(
  crypto: CryptoProvider,
  callId: Bytes,
  signed: { statement: Join; signature: Bytes },
  judge: JudgeJoin,
): Promise<RosterResult> {
  const empty: Roster = {
    callId,
    members: new Map(),
    creator: hex(signed.statement.participant),
    admissions: new Map(),
    gone: new Set(),
    digest: NO_ADMISSION,
    history: new Set(),
  };
  if (!equal(signed.statement.admission, NO_ADMISSION)) return no('not-admitted');
  return enter(crypto, empty, signed.statement, signed.signature, judge);
}

/** Applies one statement, or says why it counts for nothing. */
export async function applyStatement(
  crypto: CryptoProvider,
  roster: Roster,
  { statement, signature }: SignedStatement,
  judge: JudgeJoin,
): Promise<RosterResult> {
  if (statement.kind === 'join') return join(crypto, roster, statement, signature, judge);
  const signer = roster.members.get(hex(statement.participant));
  if (signer === undefined) return no('not-a-member');
  if (!(await isSigned(crypto, roster.callId, statement, signature, signer.identityKey))) return no('unauthentic');
  switch (statement.kind) {
    case 'admit':
      return admit(crypto, roster, statement);
    case 'remove':
      return remove(crypto, roster, statement.participant, statement.removed);
    case 'leave':
      return changed(crypto, roster, without(roster, statement.participant));
  }
}

const isSigned = (
  crypto: CryptoProvider,
  callId: Bytes,
  statement: Statement,
  signature: Bytes,
  key: Bytes,
): Promise<boolean> => crypto.verify(key, statementBytes(callId, statement), signature);

function without(roster: Roster, participant: Bytes): Pick<Roster, 'members' | 'gone'> {
  const members = new Map(roster.members);
  members.delete(hex(participant));
  return { members, gone: new Set([...roster.gone, hex(participant)]) };
}

async function admit(crypto: CryptoProvider, roster: Roster, statement: Admit): Promise<RosterResult> {
  if (!roster.history.has(hex(statement.rosterDigest))) return no('unknown-roster');
  const admission = { account: statement.account, by: hex(statement.participant) };
  const key = hex(await statementHash(crypto, roster.callId, statement));
  return { ok: true, roster: { ...roster, admissions: new Map([...roster.admissions, [key, admission]]) } };
}

async function remove(crypto: CryptoProvider, roster: Roster, by: Bytes, removed: Bytes): Promise<RosterResult> {
  const target = roster.members.get(hex(removed));
  if (target === undefined) return no('not-a-member');
  const admission = roster.admissions.get(target.admission);
  if (hex(by) !== roster.creator && hex(by) !== admission?.by) return no('not-allowed');
  const admissions = new Map(roster.admissions);
  admissions.delete(target.admission);
  return changed(crypto, roster, { ...without(roster, removed), admissions });
}

async function join(
  crypto: CryptoProvider,
  roster: Roster,
  statement: Join,
  signature: Bytes,
  judge: JudgeJoin,
): Promise<RosterResult> {
  const admission = roster.admissions.get(hex(statement.admission));
  const admitted = admission !== undefined && equal(admission.account, statement.account);
  if (!admitted && !isFounderAgain(roster, statement)) return no('not-admitted');
  return enter(crypto, roster, statement, signature, judge);
}

/** The founder has no admission; while it is a member its device may take its own place anew. */
function isFounderAgain({ members, creator }: Roster, { account, device, admission }: Join): boolean {
  const founder = members.get(creator);
  if (founder === undefined || !equal(admission, NO_ADMISSION)) return false;
  return equal(founder.account, account) && equal(founder.device, device);
}

/** Takes the device in; a device that comes back takes the place of its own earlier participant. */
async function enter(
  crypto: CryptoProvider,
  roster: Roster,
  statement: Join,
  signature: Bytes,
  judge: JudgeJoin,
): Promise<RosterResult> {
  const { participant, account, device, prekey } = statement;
  const key = hex(participant);
  if (roster.members.has(key) || roster.gone.has(key)) return no('reused-participant');
  if (!isPoint(prekey)) return no('bad-prekey');
  const peer = await judge(statement);
  if (!peer.ok) return no(peer.reason);
  const { identityKey } = peer;
  if (!(await isSigned(crypto, roster.callId, statement, signature, identityKey))) return no('unauthentic');
  const name = await nameOf(crypto, account, device, identityKey);
  const earlier = [...roster.members.values()].find((member) => equal(member.name, name));
  const { members, gone } = earlier ? without(roster, earlier.participant) : roster;
  const same = earlier ? inherited(roster, hex(earlier.participant), key) : {};
  if (members.size >= GROUP_SIZE) return no('full');
  const admission = hex(statement.admission);
  const member = { participant, account, device, identityKey, name, prekey, prekeyNumber: 0, admission };
  return changed(crypto, roster, { ...same, members: new Map([...members, [key, member]]), gone });
}

/** What a participant may, its device may under the participant id that replaced it: being the founder, removing whom it admitted. */
function inherited(
  { creator, admissions }: Roster,
  earlier: string,
  now: string,
): Pick<Roster, 'creator' | 'admissions'> {
  const own = (by: string) => (by === earlier ? now : by);
  const moved = [...admissions].map(([hash, { account, by }]) => [hash, { account, by: own(by) }] as const);
  return { creator: own(creator), admissions: new Map(moved) };
}

/** Takes over the next prekey that a member's verified key batch carried. Does not change the digest. */
export function rotatePrekey(roster: Roster, participant: Bytes, prekey: Bytes, prekeyNumber: number): Roster {
  const key = hex(participant);
  const member = roster.members.get(key);
  if (member === undefined || prekeyNumber <= member.prekeyNumber) return roster;
  return { ...roster, members: new Map([...roster.members, [key, { ...member, prekey, prekeyNumber }]]) };
}
