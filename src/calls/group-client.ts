/**
 * A group call on one device, as its SDK keeps it: what a frame of the server, a verification or a timer makes of the log,
 * the epochs and the keys. Total and deterministic; secrets and signatures are the SDK's, which carries the effects out.
 *
 * Held here, whatever is lost, repeated or reordered: entries of the log are folded once and in their order; keys are made for
 * an epoch once, only over entries that were folded, only for who they make a member, and for no roster older than a verified
 * departure; nothing is sent under an epoch before its own key is there and the server activated it, nor after another epoch.
 *
 * `now` is server time as the device estimates it, ms.
 */
import type { CallFrame, GroupView, Party, PlaneFrame, RosterEntry, Verb } from '../protocol/call.ts';
import { REKEY_MS } from '../protocol/call.ts';
import { AHEAD_MAX, GroupDraft } from './group-client-draft.ts';
import {
  activateIfReady,
  onActivate,
  onKeys,
  onMade,
  onMissing,
  onOpened,
  onPrepare,
  refuseOlder,
  sayAck,
  startEpochs,
  startMaking,
} from './group-client-epochs.ts';

/** Whom the log makes a member. `id`: participant id, 32 hexadecimal digits. */
export type GroupMember = { id: string; account: string; device: string };

export type KeysFrame = PlaneFrame & { type: 'keys' };

export type EpochKeys = {
  /** Entries of the log that make its roster. */
  proofs: number;
  /** Whom the server forwards to. */
  seats: RosterEntry[];
  /** `waiting`: for entries or prekeys; `refused`: nothing is made or opened for it. */
  state: 'waiting' | 'entered' | 'making' | 'made' | 'refused';
  /** Members whose key was opened; how many of them were acknowledged. */
  opened: string[];
  acknowledged: number;
  /** Messages that were handed out to be opened. */
  seen: string[];
  /** A member signed keys for another roster than ours. */
  mismatch: boolean;
  /** How often missing keys were asked for. */
  asked: number;
};

export type GroupClient = {
  self: Party;
  /** Own participant id in the newest view; null while this device is none. */
  own: string | null;
  /** A JOIN was said and is not in the log yet. */
  joining: boolean;
  /** Entries handed out to be folded, and folded. */
  handed: number;
  folded: number;
  ahead: Record<number, string>;
  fetching: boolean;
  /** By number of entries: whom they make members. Of what is still needed. */
  views: Record<number, GroupMember[]>;
  /** Entries up to and with the newest verified REMOVE or LEAVE. */
  departed: number;
  /** Participants that this device has removed, whether or not the server logs it: no epoch with them in it. */
  removed: string[];
  epochs: Record<number, EpochKeys>;
  /** Highest epoch that was prepared, and the entries that it covered. */
  highest: number;
  covered: number;
  /** What the server activated, and under what this device sends; 0 before. */
  wanted: number;
  active: number;
  /** By member: the newest epoch of which its keys were opened. */
  heard: Record<string, number>;
  /** Keys of epochs that cannot be opened yet. */
  parked: KeysFrame[];
};

export type GroupInput =
  /** `joining`: this device's JOIN goes with its answer. */
  | { type: 'start'; joining: boolean }
  /** The call plane is open, again or for the first time: whatever was missed is asked for. */
  | { type: 'open' }
  | { type: 'frame'; frame: CallFrame }
  /** What `proofs` was answered; null when nothing came, or there is no group. */
  | { type: 'fetched'; after: number; proofs: string[]; group: GroupView | null; again: boolean }
  /**
   * The next entry was judged. `members`: whom the log makes now. `departed`: it is a REMOVE or LEAVE that counts. `admitted`: an
   * admission of this account stands.
   */
  | { type: 'folded'; members: GroupMember[]; departed: boolean; admitted: boolean }
  /** This device signed the REMOVE of `id`. `taken` false: the server said no, and the user hears so. */
  | { type: 'removing'; id: string; taken: boolean }
  /** This device's key of the epoch is made, held and said. */
  | { type: 'made'; epoch: number }
  /** `id` opened; null: what came did not verify as anybody's. `mismatch`: a member signed it, for another roster. */
  | { type: 'opened'; epoch: number; id: string | null; mismatch: boolean }
  /** A key is nearly used up. */
  | { type: 'rekey' }
  | { type: 'timer'; key: string };

export type GroupEffect =
  | { type: 'fold'; proof: string }
  | { type: 'fetch'; after: number }
  /** Sign a JOIN under the standing admission, with a fresh participant id and prekey, and say it. */
  | { type: 'join' }
  /** Open an epoch over so many entries: its roster hash, and room for its keys. */
  | { type: 'enter'; epoch: number; proofs: number }
  /** Make a fresh key, wrap it to exactly these members, say it. */
  | { type: 'make'; epoch: number; to: GroupMember[] }
  | { type: 'open'; frame: KeysFrame }
  /** Say the batch of this epoch once more. */
  | { type: 'again'; epoch: number }
  | { type: 'activate'; epoch: number }
  /** Erase what is due: keys of older epochs, 10 s after. */
  | { type: 'erase' }
  /** Sending under an epoch that a departed member could read has ended. */
  | { type: 'stop' }
  | { type: 'send'; verb: BareVerb }
  /** Who has not given its key of the epoch in force. */
  | { type: 'missing'; epoch: number; ids: string[] }
  | { type: 'mismatch'; epoch: number; id: string }
  | { type: 'refused'; epoch: number; reason: 'older-roster' | 'not-in-it' }
  | { type: 'timer'; key: string; at: number | null };

/** A verb of this call. */
export type BareVerb = Verb extends infer V ? (V extends Verb ? Omit<V, 'call' | 'attempt'> : never) : never;

export const FETCH_RETRY_MS = 1_000;

export function emptyGroupClient(self: Party): GroupClient {
  return {
    self,
    own: null,
    joining: false,
    handed: 0,
    folded: 0,
    ahead: {},
    fetching: false,
    views: {},
    departed: 0,
    removed: [],
    epochs: {},
    highest: 0,
    covered: 0,
    wanted: 0,
    active: 0,
    heard: {},
    parked: [],
  };
}

export function stepGroup(
  group: GroupClient,
  input: GroupInput,
  now: number,
): { group: GroupClient; effects: GroupEffect[] } {
  const draft = new GroupDraft(group, now);
  switch (input.type) {
    case 'start':
      draft.group.joining ||= input.joining;
      break;
    case 'open':
      fetch(draft);
      break;
    case 'frame':
      onFrame(draft, input.frame);
      break;
    case 'fetched':
      onFetched(draft, input);
      break;
    case 'folded':
      onFolded(draft, input);
      break;
    case 'removing':
      onRemoving(draft, input.id, input.taken);
      break;
    case 'made':
      onMade(draft, input.epoch);
      break;
    case 'opened':
      onOpened(draft, input);
      break;
    case 'rekey':
      rekey(draft);
      break;
    case 'timer':
      onTimer(draft, input.key);
  }
  return { group: draft.group, effects: draft.effects };
}

function onFrame(draft: GroupDraft, frame: CallFrame): void {
  switch (frame.type) {
    case 'proof':
      onProof(draft, frame.place, frame.proof);
      if (draft.isBehind) fetch(draft);
      return;
    case 'prepare':
      onPrepare(draft, frame);
      if (draft.isBehind) fetch(draft);
      return;
    case 'keys':
      return onKeys(draft, frame);
    case 'activate':
      return onActivate(draft, frame.epoch);
    case 'keys-wanted':
      if (draft.epoch(frame.epoch)?.state === 'made') draft.effects.push({ type: 'again', epoch: frame.epoch });
      return;
    case 'dropped':
      return onDropped(draft);
    default:
  }
}

/** Each entry once, in its place; what came ahead waits for what is missing before it. */
function onProof({ group, effects }: GroupDraft, place: number, proof: string): void {
  if (place < group.handed) return;
  if (place > group.handed) {
    if (Object.keys(group.ahead).length < AHEAD_MAX) group.ahead[place] = proof;
    return;
  }
  for (let next: string | undefined = proof; next !== undefined; next = group.ahead[group.handed]) {
    delete group.ahead[group.handed];
    effects.push({ type: 'fold', proof: next });
    group.handed += 1;
  }
}

function fetch({ group, effects }: GroupDraft): void {
  if (group.fetching) return;
  group.fetching = true;
  effects.push({ type: 'fetch', after: group.handed });
}

/** What was missed, and where the group stands: as if its frames had come. */
function onFetched(draft: GroupDraft, { after, proofs, group: view, again }: GroupInput & { type: 'fetched' }): void {
  const { group } = draft;
  group.fetching = false;
  if (!view) return again ? draft.timer('fetch', draft.now + FETCH_RETRY_MS) : undefined;
  for (const [at, proof] of proofs.entries()) onProof(draft, after + at, proof);
  if (view.epoch > 0) onPrepare(draft, { epoch: view.epoch, proofs: view.prepared, roster: view.roster });
  if (view.active > 0) onActivate(draft, view.active);
  if (draft.isBehind || view.proofs > group.handed) {
    if (proofs.length > 0) fetch(draft);
    else draft.timer('fetch', draft.now + FETCH_RETRY_MS);
  }
}

/** The server took this device out because it was lost: it joins anew, and knows nothing of the others' prekeys. */
function onDropped({ group, effects }: GroupDraft): void {
  if (group.own === null || group.joining) return;
  group.joining = true;
  group.heard = {};
  effects.push({ type: 'join' });
}

function onFolded(draft: GroupDraft, { members, departed, admitted }: GroupInput & { type: 'folded' }): void {
  const { group } = draft;
  if (group.folded >= group.handed) return;
  group.folded += 1;
  group.views[group.folded] = members;
  const own = members.find((one) => one.device === group.self.device && one.account === group.self.account)?.id ?? null;
  if (own !== null && own !== group.own) group.joining = false;
  group.own = own;
  if (departed) {
    group.departed = group.folded;
    refuseOlder(draft);
    draft.stopSoon();
  }
  if (own === null && admitted && !group.joining) {
    group.joining = true;
    draft.effects.push({ type: 'join' });
  }
  startEpochs(draft);
}

/** What this device itself signed counts for it at once: it does not wait for the server to say so. */
function onRemoving(draft: GroupDraft, id: string, taken: boolean): void {
  const { group } = draft;
  group.removed = group.removed.filter((one) => one !== id);
  if (!taken) return;
  group.removed.push(id);
  refuseOlder(draft);
  draft.stopSoon();
}

function onTimer(draft: GroupDraft, key: string): void {
  const [what = '', of = ''] = key.split(' ');
  const epoch = Number(of);
  switch (what) {
    case 'fetch':
      return fetch(draft);
    case 'prekeys':
      return startMaking(draft, epoch, true);
    case 'ack':
      return sayAck(draft, epoch);
    case 'missing':
      return onMissing(draft, epoch);
    case 'stop':
      return void draft.effects.push({ type: 'stop' });
    case 'erase':
      draft.forget();
      return void draft.effects.push({ type: 'erase' });
    case 'rekey':
      return rekey(draft);
    default:
      activateIfReady(draft);
  }
}

/** Whoever’s clock comes first; the server ignores those who ask after it. */
function rekey(draft: GroupDraft): void {
  const { group } = draft;
  if (group.own === null) return;
  draft.effects.push({ type: 'send', verb: { verb: 'rekey' } });
  draft.timer('rekey', draft.now + REKEY_MS);
}
