/** Changes of a group's roster and the epochs they make: prepare, keys, acknowledgements, activate. */
import type { Party, Reply, VerbOf } from '../protocol/call.ts';
import {
  ACTIVATE_JOIN_MS,
  ACTIVATE_LEAVE_MS,
  EPOCH_COALESCE_MS,
  IN_CALL_LEASE_MS,
  PARTICIPANTS_MAX,
  PROOFS_MAX,
  REJOIN_MS,
  REKEY_MIN_MS,
} from '../protocol/call.ts';
import { talker as newTalker } from './answer.ts';
import type { Talker } from './call.ts';
import type { Draft } from './draft.ts';
import { end } from './end.ts';
import { allAcknowledged, emptyGroup, groupView } from './group.ts';
import type { Group } from './group.ts';

/** A talker makes the call a group and lets the other one in; the first founder counts, a second one joins. */
export function onFound(draft: Draft, party: Party, { join, admit }: VerbOf<'found'>): Reply {
  const { call } = draft;
  if (call.state !== 'connected') return draft.refuse('wrong-state');
  if (call.group) return draft.ok({ ignored: true });
  call.group = emptyGroup(party.account);
  enter(draft, call.group, party, join);
  log(draft, call.group, admit);
  return draft.ok();
}

/** A talker's signed JOIN: it becomes a participant of the next epoch. Who was dropped talks again with it. */
export function onJoin(draft: Draft, party: Party, { proof }: VerbOf<'join'>): Reply {
  const { call, now } = draft;
  const { group } = call;
  if (!group) return draft.refuse('wrong-state');
  if (entryOf(group, party)) return draft.ok({ ignored: true });
  if (isFull(group)) return draft.refuse('too-many-participants');
  if (!draft.talker(party)) {
    if (call.talkers.length >= PARTICIPANTS_MAX) return draft.refuse('too-many-participants');
    group.dropped = group.dropped.filter((one) => one.device !== party.device);
    const leaseUntil = now + IN_CALL_LEASE_MS;
    call.talkers.push({ ...newTalker(party), leaseUntil });
    draft.deadline(`lease:${party.device}`, leaseUntil);
  }
  enter(draft, group, party, proof);
  return draft.ok();
}

export function enter(draft: Draft, group: Group, { account, device }: Party, proof: string): void {
  group.roster.push({ participant: group.nextParticipant++, account, device, since: group.epoch + 1 });
  group.joining = true;
  log(draft, group, proof);
  changed(draft, group);
}

/** Kept, and told to every talker at once. */
export function log(draft: Draft, group: Group, proof: string): void {
  const place = group.proofs++;
  draft.effects.push({ type: 'proof', place, proof });
  for (const one of draft.call.talkers) draft.plane(one, { type: 'proof', place, proof });
}

export const isFull = (group: Group): boolean => group.proofs >= PROOFS_MAX;
export const isMember = (group: Group, party: Party): boolean => entryOf(group, party) !== null;

/** Leaves the group, which goes on as long as two can talk or somebody is still being rung. */
export function onLeave(draft: Draft, party: Party, proof: string | null, detail: string | null = null): void {
  const { call } = draft;
  const { group } = call;
  if (!group) return;
  if (!draft.talker(party)) return forget(draft, group, party, proof);
  if (isLast(draft, party)) return end(draft, 'completed', { by: party.device, ...(detail !== null && { detail }) });
  draft.tell(party, { type: 'ended', reason: 'completed', ...(detail !== null && { detail }) });
  out(draft, group, party, proof);
}

/** Lost for a whole lease: forwarding to it stops; as long as it may come back nobody has signed that it is gone. */
export function onDropped(draft: Draft, party: Party): void {
  const { call, now } = draft;
  const { group } = call;
  if (!group) return;
  if (isLast(draft, party) || !isMember(group, party)) return onLeave(draft, party, null, 'lost');
  const until = now + REJOIN_MS - IN_CALL_LEASE_MS;
  const { account, device } = party;
  group.dropped.push({ account, device, until });
  draft.deadline('rejoin', Math.min(...group.dropped.map((one) => one.until)));
  draft.tell(party, { type: 'dropped', until });
  out(draft, group, party, null);
}

/** It did not come back in time; what becomes of its entry in the roster the members decide. */
export function onRejoinDue(draft: Draft): void {
  const { group } = draft.call;
  if (!group) return;
  const late = group.dropped.filter(({ until }) => until <= draft.now);
  group.dropped = group.dropped.filter((one) => !late.includes(one));
  for (const party of late) draft.tell(party, { type: 'ended', reason: 'completed', detail: 'lost' });
  if (group.dropped.length > 0) draft.deadline('rejoin', Math.min(...group.dropped.map(({ until }) => until)));
}

function isLast({ call }: Draft, party: Party): boolean {
  const others = call.talkers.filter((one) => one.device !== party.device);
  return others.length < 2 && !call.group?.rings.some((ring) => ring.state !== 'over');
}

function out(draft: Draft, group: Group, { account, device }: Party, proof: string | null): void {
  draft.effects.push({ type: 'close-socket', to: { account, device } });
  draft.deadline(`lease:${device}`, null);
  draft.call.talkers = draft.call.talkers.filter((one) => one.device !== device);
  drop(draft, group, { account, device }, proof);
}

/** Of one that is out already: its signed end goes into the log all the same. */
function forget(draft: Draft, group: Group, party: Party, proof: string | null): void {
  group.dropped = group.dropped.filter((one) => one.device !== party.device);
  if (proof === null) return;
  log(draft, group, proof);
  changed(draft, group);
}

function drop(draft: Draft, group: Group, party: Party, proof: string | null): void {
  const entry = entryOf(group, party);
  if (!entry) return;
  group.roster = group.roster.filter((one) => one !== entry);
  delete group.acks[entry.participant];
  if (proof !== null) log(draft, group, proof);
  changed(draft, group);
}

/** By the founder, or by the account that added it: forwarding to it stops here, before the epoch is prepared. */
export function onRemove(draft: Draft, party: Party, { account, device, proof }: VerbOf<'remove'>): Reply {
  const { group } = draft.call;
  if (!group) return draft.refuse('wrong-state');
  const added = group.rings.find((ring) => ring.account === account);
  const may = group.founder === party.account || added?.by.account === party.account;
  if (!may) return draft.refuse('wrong-role');
  const target = { account, device };
  const here = draft.talker(target) !== null || group.dropped.some((one) => one.device === device);
  if (!here && isFull(group)) return draft.ok({ ignored: true });
  onLeave(draft, target, proof, 'removed');
  return draft.ok();
}

/** Changes within EPOCH_COALESCE_MS of the first one share its epoch. */
function changed(draft: Draft, group: Group): void {
  group.prepareAt ??= draft.now + EPOCH_COALESCE_MS;
  draft.deadline('epoch', group.prepareAt);
}

/** Fresh keys for the same members, at most once a minute. */
export function onRekey(draft: Draft, party: Party): Reply {
  const { group } = draft.call;
  if (!group || !isMember(group, party)) return draft.refuse('wrong-state');
  if (draft.now < group.preparedAt + REKEY_MIN_MS) return draft.ok({ ignored: true });
  changed(draft, group);
  return draft.ok();
}

/** Where the group stands; the entries of the log are the actor's to add. */
export function onProofs(draft: Draft, party: Party): Reply {
  const { group } = draft.call;
  if (!group || !draft.talker(party)) return draft.refuse('wrong-state');
  return draft.ok({ group: groupView(group) });
}

/** The next epoch: every member makes a fresh sender key for exactly this roster. An epoch under way is passed over. */
export function onEpochDue(draft: Draft): void {
  const { call, now } = draft;
  const { group } = call;
  if (!group || group.prepareAt === null || now < group.prepareAt || call.state === 'ended') return;
  const prepared = { epoch: group.epoch + 1, prepared: group.proofs, preparedAt: now };
  Object.assign(group, { ...prepared, prepareAt: null, acks: {} });
  group.activateBy = now + (group.joining ? ACTIVATE_JOIN_MS : ACTIVATE_LEAVE_MS);
  draft.deadline('activate', group.activateBy);
  const { epoch, proofs, roster } = group;
  for (const talker of members(draft, group))
    draft.plane(talker, { type: 'prepare', epoch, proofs, roster: [...roster] });
  activateIfReady(draft, group);
}

/** One sealed batch of a member for the epoch being prepared or in force, to every other member; older ones go nowhere. */
export function onKeys(draft: Draft, party: Party, { epoch, message, body }: VerbOf<'keys'>): Reply {
  const { group } = draft.call;
  const entry = group && entryOf(group, party);
  if (!group || !entry) return draft.refuse('wrong-state');
  if (epoch !== group.epoch) return draft.ok({ ignored: true });
  for (const talker of members(draft, group)) {
    if (talker.device === party.device) continue;
    draft.plane(talker, { type: 'keys', epoch, from: entry.participant, message, body });
  }
  return draft.ok();
}

export function onKeysAck(draft: Draft, party: Party, { epoch, from }: VerbOf<'keys-ack'>): Reply {
  const { group } = draft.call;
  const entry = group && entryOf(group, party);
  if (!group || !entry) return draft.refuse('wrong-state');
  if (epoch !== group.epoch) return draft.ok({ ignored: true });
  const known = new Set(group.roster.map(({ participant }) => participant));
  const opened = [...(group.acks[entry.participant] ?? []), ...from.filter((sender) => known.has(sender))];
  group.acks[entry.participant] = [...new Set(opened)].sort((a, b) => a - b);
  activateIfReady(draft, group);
  return draft.ok();
}

/** Of the current epoch only, so that nobody gets keys of an epoch that it was not in. */
export function onKeysAgain(draft: Draft, party: Party, { epoch, from }: VerbOf<'keys-again'>): Reply {
  const { group } = draft.call;
  if (!group || !isMember(group, party)) return draft.refuse('wrong-state');
  if (epoch !== group.epoch) return draft.ok({ ignored: true });
  for (const talker of members(draft, group)) {
    const asked = from.includes(entryOf(group, talker)?.participant ?? 0);
    if (asked && talker.device !== party.device) draft.plane(talker, { type: 'keys-wanted', epoch });
  }
  return draft.ok();
}

function activateIfReady(draft: Draft, group: Group): void {
  if (group.active < group.epoch && allAcknowledged(group)) activate(draft, group);
}

/** Somebody's keys did not come in time: the others do not wait, and it asks again for the current epoch. */
export function onActivateDue(draft: Draft): void {
  const { call, now } = draft;
  const { group } = call;
  if (!group || group.activateBy === null || now < group.activateBy || call.state === 'ended') return;
  activate(draft, group);
}

function activate(draft: Draft, group: Group): void {
  Object.assign(group, { active: group.epoch, activateBy: null, joining: group.prepareAt !== null && group.joining });
  draft.deadline('activate', null);
  for (const talker of members(draft, group)) draft.plane(talker, { type: 'activate', epoch: group.epoch });
}

function members(draft: Draft, group: Group): Talker[] {
  return draft.call.talkers.filter((talker) => entryOf(group, talker) !== null);
}

function entryOf(group: Group, { account, device }: Party): Group['roster'][number] | null {
  return group.roster.find((entry) => entry.device === device && entry.account === account) ?? null;
}
