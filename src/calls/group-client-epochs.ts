/** Epochs on one device: prepared, keys made and opened, acknowledged, activated; who is missing is named and asked again. */
import type { RosterEntry } from '../protocol/call.ts';
import { REKEY_MS } from '../protocol/call.ts';
import type { EpochKeys, GroupInput, KeysFrame } from './group-client.ts';
import { AHEAD_MAX, ERASE_AFTER_MS } from './group-client-draft.ts';
import type { GroupDraft } from './group-client-draft.ts';

/** A member whose newest prekey is not known here may bring it with its own batch of the epoch, so long. */
export const PREKEYS_WAIT_MS = 400;
/** Acknowledgements of batches that come close together are one. */
export const ACK_WAIT_MS = 60;
/** Whose key has not come so long after an epoch was activated is named, and asked again so often. */
export const MISSING_AFTER_MS = 1_000;
export const ASKS = 5;

type Prepared = { epoch: number; proofs: number; roster: RosterEntry[] };

/** Epochs and the entries they cover only grow; what does not is not this group's next epoch. */
export function onPrepare(draft: GroupDraft, { epoch, proofs, roster }: Prepared): void {
  const { group } = draft;
  if (epoch <= group.highest || proofs < group.covered) return;
  Object.assign(group, { highest: epoch, covered: proofs });
  group.epochs[epoch] = {
    proofs,
    seats: [...roster],
    state: 'waiting',
    opened: [],
    acknowledged: 0,
    seen: [],
    mismatch: false,
    asked: 0,
  };
  startEpochs(draft);
}

/** Epochs whose entries are all folded now. */
export function startEpochs(draft: GroupDraft): void {
  for (const [epoch, held] of Object.entries(draft.group.epochs))
    if (held.state === 'waiting' && held.proofs <= draft.group.folded) start(draft, Number(epoch), held);
}

/** A roster that lacks us is none of ours; one from before a departure that we verified is not used any more. */
function start(draft: GroupDraft, epoch: number, held: EpochKeys): void {
  const { group, effects } = draft;
  const inIt = draft.members(epoch).some(({ id }) => id === group.own);
  if (!inIt || draft.isPast(held.proofs)) {
    held.state = 'refused';
    effects.push({ type: 'refused', epoch, reason: inIt ? 'older-roster' : 'not-in-it' });
    return;
  }
  held.state = 'entered';
  effects.push({ type: 'enter', epoch, proofs: held.proofs });
  startMaking(draft, epoch, false);
  const early = group.parked.filter((frame) => frame.epoch === epoch);
  group.parked = group.parked.filter((frame) => frame.epoch !== epoch);
  for (const frame of early) onKeys(draft, frame);
}

/** Somebody went whom a prepared epoch still has in its roster: it is not entered any more, and another one follows. */
export function refuseOlder(draft: GroupDraft): void {
  const { group, effects } = draft;
  for (const [epoch, held] of Object.entries(group.epochs)) {
    if (Number(epoch) <= group.active || !draft.isPast(held.proofs) || held.state === 'refused') continue;
    held.state = 'refused';
    effects.push({ type: 'refused', epoch: Number(epoch), reason: 'older-roster' });
  }
}

/** Who joined with this epoch has its first prekey in the log; of everybody else the batch of the epoch before brought it, or this one's will. */
export function startMaking(draft: GroupDraft, epoch: number, late: boolean): void {
  const { group, effects } = draft;
  const held = draft.epoch(epoch);
  if (held?.state !== 'entered') return;
  const others = draft.others(epoch);
  const unknown = others.filter(({ id, account, device }) => {
    const seat = held.seats.find((one) => one.device === device && one.account === account);
    return seat && seat.since < epoch && (group.heard[id] ?? 0) < epoch - 1;
  });
  if (!late && unknown.length > 0) return draft.timer(`prekeys ${epoch}`, draft.now + PREKEYS_WAIT_MS);
  held.state = 'making';
  draft.timer(`prekeys ${epoch}`, null);
  effects.push({ type: 'make', epoch, to: others });
}

export function onMade(draft: GroupDraft, epoch: number): void {
  const held = draft.epoch(epoch);
  if (held?.state !== 'making') return;
  held.state = 'made';
  activateIfReady(draft);
}

export function onKeys({ group, effects }: GroupDraft, frame: KeysFrame): void {
  const held = group.epochs[frame.epoch];
  if (held ? held.state === 'waiting' : frame.epoch > group.highest) {
    if (group.parked.length < AHEAD_MAX) group.parked.push(frame);
    return;
  }
  if (!held || held.state === 'refused' || held.seen.includes(frame.message) || held.seen.length >= AHEAD_MAX) return;
  held.seen = [...held.seen, frame.message];
  effects.push({ type: 'open', frame });
}

export function onOpened(draft: GroupDraft, { epoch, id, mismatch }: GroupInput & { type: 'opened' }): void {
  const held = draft.epoch(epoch);
  const member = draft.others(epoch).find((one) => one.id === id);
  if (!held || !member) return;
  if (mismatch) {
    held.mismatch = true;
    draft.effects.push({ type: 'mismatch', epoch, id: member.id });
    return;
  }
  if (held.opened.includes(member.id)) return;
  held.opened = [...held.opened, member.id];
  draft.group.heard[member.id] = Math.max(draft.group.heard[member.id] ?? 0, epoch);
  startMaking(draft, epoch, false);
  if (held.opened.length === draft.others(epoch).length) sayAck(draft, epoch);
  else draft.timer(`ack ${epoch}`, draft.now + ACK_WAIT_MS);
}

/** By the server's numbers; cumulative. */
export function sayAck(draft: GroupDraft, epoch: number): void {
  const held = draft.epoch(epoch);
  if (!held || held.acknowledged === held.opened.length) return;
  held.acknowledged = held.opened.length;
  draft.timer(`ack ${epoch}`, null);
  const from = numbers(draft, epoch, held.opened);
  draft.effects.push({ type: 'send', verb: { verb: 'keys-ack', epoch, from } });
}

function numbers(draft: GroupDraft, epoch: number, ids: readonly string[]): number[] {
  const named = draft.members(epoch).filter(({ id }) => ids.includes(id));
  const seats = draft.epoch(epoch)?.seats ?? [];
  return seats
    .filter((seat) => named.some((one) => one.device === seat.device && one.account === seat.account))
    .map(({ participant }) => participant);
}

export function onActivate(draft: GroupDraft, epoch: number): void {
  draft.group.wanted = Math.max(draft.group.wanted, epoch);
  activateIfReady(draft);
}

/** The server's word, this device's own key, and nobody who sees another roster. */
export function activateIfReady(draft: GroupDraft): void {
  const { group, effects, now } = draft;
  const held = draft.epoch(group.wanted);
  if (group.wanted <= group.active || held?.state !== 'made' || held.mismatch) return;
  group.active = group.wanted;
  effects.push({ type: 'activate', epoch: group.active });
  draft.timer('erase', now + ERASE_AFTER_MS);
  draft.timer('rekey', now + REKEY_MS);
  draft.timer(`missing ${group.active}`, now + MISSING_AFTER_MS);
}

/**
 * Never silence: who gave no key is named, as often as it is asked. A key that was wrapped to a prekey erased here comes again as
 * it was, so in the end all make fresh ones.
 */
export function onMissing(draft: GroupDraft, epoch: number): void {
  const { group, effects, now } = draft;
  const held = draft.epoch(epoch);
  if (!held || epoch !== group.active) return;
  const ids = draft.others(epoch).flatMap(({ id }) => (held.opened.includes(id) ? [] : [id]));
  if (ids.length === 0) return;
  effects.push({ type: 'missing', epoch, ids });
  held.asked += 1;
  if (held.asked > ASKS) return void effects.push({ type: 'send', verb: { verb: 'rekey' } });
  const from = numbers(draft, epoch, ids);
  if (from.length > 0 && epoch === group.highest)
    effects.push({ type: 'send', verb: { verb: 'keys-again', epoch, from } });
  draft.timer(`missing ${epoch}`, now + MISSING_AFTER_MS * 2 ** held.asked);
}
