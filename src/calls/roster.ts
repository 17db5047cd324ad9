/** Changes of a group's roster and the epochs they make: prepare, keys, acknowledgements, activate. */
import type { Party, Reply, VerbOf } from '../protocol/call.ts';
import { ACTIVATE_JOIN_MS, ACTIVATE_LEAVE_MS, EPOCH_COALESCE_MS } from '../protocol/call.ts';
import type { Talker } from './call.ts';
import type { Draft } from './draft.ts';
import { end } from './end.ts';
import { allAcknowledged } from './group.ts';
import type { Group } from './group.ts';

/** A talker's signed JOIN: it becomes a participant of the next epoch. */
export function onJoin(draft: Draft, party: Party, { proof }: VerbOf<'join'>): Reply {
  const { group } = draft.call;
  if (!group) return draft.refuse('wrong-state');
  if (!entryOf(group, party)) enter(draft, group, party, proof);
  return draft.ok();
}

export function enter(draft: Draft, group: Group, party: Party, proof: string): void {
  group.roster.push({ participant: group.nextParticipant++, account: party.account, device: party.device });
  group.proofs.push(proof);
  group.joining = true;
  changed(draft, group);
}

/** Leaves the group, which goes on as long as two can talk or somebody is still being rung. */
export function onLeave(draft: Draft, party: Party, proof: string | null, detail: string | null = null): void {
  const { call } = draft;
  const talker = draft.talker(party);
  if (!talker || !call.group) return;
  const others = call.talkers.filter((one) => one !== talker);
  const rings = call.group.rings.some((ring) => ring.state !== 'over');
  if (others.length < 2 && !rings)
    return end(draft, 'completed', { by: party.device, ...(detail !== null && { detail }) });
  draft.tell(party, { type: 'ended', reason: 'completed', ...(detail !== null && { detail }) });
  draft.effects.push({ type: 'close-socket', to: { account: party.account, device: party.device } });
  draft.deadline(`lease:${party.device}`, null);
  call.talkers = others;
  drop(draft, call.group, party, proof);
}

function drop(draft: Draft, group: Group, party: Party, proof: string | null): void {
  const entry = entryOf(group, party);
  if (!entry) return;
  group.roster = group.roster.filter((one) => one !== entry);
  delete group.acks[entry.participant];
  if (proof !== null) group.proofs.push(proof);
  changed(draft, group);
}

/** By the creator, or by the account that added it: forwarding to it stops here, before the epoch is prepared. */
export function onRemove(draft: Draft, party: Party, { account, device, proof }: VerbOf<'remove'>): Reply {
  const { call } = draft;
  const target = draft.talker({ account, device });
  if (!call.group) return draft.refuse('wrong-state');
  if (!target) return draft.ok({ ignored: true });
  const added = call.group.rings.find((ring) => ring.account === account);
  const may = call.caller.account === party.account || added?.by.account === party.account;
  if (!may) return draft.refuse('wrong-role');
  onLeave(draft, target, proof, 'removed');
  return draft.ok();
}

/** Changes within EPOCH_COALESCE_MS of the first one share its epoch. */
function changed(draft: Draft, group: Group): void {
  if (group.prepareAt !== null) return;
  group.prepareAt = draft.now + EPOCH_COALESCE_MS;
  draft.deadline('epoch', group.prepareAt);
}

/** The next epoch: every member makes a fresh sender key for exactly this roster. An epoch under way is passed over. */
export function onEpochDue(draft: Draft): void {
  const { call, now } = draft;
  const { group } = call;
  if (!group || group.prepareAt === null || now < group.prepareAt || call.state === 'ended') return;
  const { proofs } = group;
  Object.assign(group, { epoch: group.epoch + 1, prepareAt: null, proofs: [], acks: {} });
  group.activateBy = now + (group.joining ? ACTIVATE_JOIN_MS : ACTIVATE_LEAVE_MS);
  draft.deadline('activate', group.activateBy);
  for (const talker of members(draft, group)) {
    draft.plane(talker, { type: 'prepare', epoch: group.epoch, roster: [...group.roster], proofs: [...proofs] });
  }
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
