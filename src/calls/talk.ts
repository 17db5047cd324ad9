/** After the grant: media is confirmed, signals pass, sockets come and go, somebody hangs up. */
import type { Party, Reply, VerbOf } from '../protocol/call.ts';
import { CONNECT_MS, GRANT_WAIT_MS, IN_CALL_LEASE_MS, LEASE_SLACK_MS, PLANE_SILENCE_MS } from '../protocol/call.ts';
import type { Talker } from './call.ts';
import type { Draft } from './draft.ts';
import { end } from './end.ts';
import { onDropped, onLeave } from './roster.ts';

/** Media of one side is up and the peer's key confirmation verified. The first one connects the call. */
export function onConfirm(draft: Draft): Reply {
  const { call, now } = draft;
  if (call.state === 'connected') return draft.ok();
  if (call.state !== 'granted' || call.legs.some((leg) => leg.state === 'answering'))
    return draft.refuse('wrong-state');
  Object.assign(call, { state: 'connected', connectedAt: now, connectDeadline: null });
  draft.event('call.connected');
  draft.deadline('connect', null);
  for (const talker of call.talkers) {
    renew(draft, talker);
    draft.plane(talker, { type: 'connected' });
  }
  return draft.ok();
}

/** To one talker or to all others; dropped when the call ended or the receiver is not in it. */
export function onSignal(draft: Draft, party: Party, signal: VerbOf<'signal'>): Reply {
  if (!draft.is('granted', 'connected')) return draft.refuse('wrong-state');
  const { to = null, message, body, generation } = signal;
  const from = { account: party.account, device: party.device };
  for (const talker of draft.others(party)) {
    if (to !== null && talker.device !== to) continue;
    draft.plane(talker, { type: 'signal', from, message, body, ...(generation !== undefined && { generation }) });
  }
  return draft.ok();
}

/** Of a call of two it is the end; of a group only one leaves. */
export function onHangup(draft: Draft, party: Party, { proof = null, detail = null }: Farewell): Reply {
  const by = party.device;
  if (draft.call.group) onLeave(draft, party, proof);
  else if (draft.is('granted') && detail === GAVE_UP) end(draft, 'failed', { detail, by });
  else if (draft.is('granted')) end(draft, 'completed', { by, detail: 'while-connecting' });
  else if (draft.is('connected')) end(draft, 'completed', { by });
  return draft.ok();
}

interface Farewell {
  readonly proof?: string | null;
  /** `connect`: not its user, but the device itself has waited for its peer in vain. */
  readonly detail?: string | null;
}

const GAVE_UP = 'connect';

/** Whether the device may open its call-plane socket; the actor makes the single-use ticket. */
export function onSocket(draft: Draft): Reply {
  return draft.is('granted', 'connected') ? draft.ok() : draft.refuse('wrong-state');
}

export function onAttached(draft: Draft, party: Party): void {
  const talker = draft.talker(party);
  if (!talker || !draft.is('granted', 'connected')) return;
  if (!draft.call.talkers.some(({ socket }) => socket)) draft.deadline(PLANE_DEADLINE, draft.now + PLANE_SILENCE_MS);
  talker.socket = true;
  renew(draft, talker);
}

export function onDetached(draft: Draft, party: Party): void {
  const talker = draft.talker(party);
  if (!talker?.socket || !draft.is('granted', 'connected')) return;
  lose(draft, talker, draft.now + IN_CALL_LEASE_MS);
}

/** As long as any socket is open, one deadline for all of them: when the one that was heard longest ago would be silent. */
export const PLANE_DEADLINE = 'plane';

/**
 * A peer may be gone without a word, and its socket stay open for long. Keep-alives take no turn: what they left is looked at here.
 * Who still is there opens another socket.
 */
export function onHeard(draft: Draft, at: Readonly<Record<string, number>>): void {
  if (!draft.is('granted', 'connected')) return;
  let next: number | null = null;
  for (const talker of draft.call.talkers) {
    if (!talker.socket) continue;
    const silentAt = (at[talker.device] ?? -Infinity) + PLANE_SILENCE_MS;
    if (silentAt <= draft.now) silence(draft, talker, silentAt);
    else next = Math.min(next ?? silentAt, silentAt);
  }
  draft.deadline(PLANE_DEADLINE, next);
}

/** Its lease counts from when it was heard; where nobody looked in time, from now. */
function silence(draft: Draft, talker: Talker, silentAt: number): void {
  const { account, device } = talker;
  const spent = draft.now > silentAt + LEASE_SLACK_MS ? 0 : PLANE_SILENCE_MS;
  draft.effects.push({ type: 'close-socket', to: { account, device }, silent: true });
  lose(draft, talker, draft.now + IN_CALL_LEASE_MS - spent);
}

/** The lease runs; the others are told, and told again when it comes back. */
function lose(draft: Draft, talker: Talker, leaseUntil: number): void {
  talker.socket = false;
  talker.lost = true;
  talker.leaseUntil = leaseUntil;
  draft.deadline(`lease:${talker.device}`, talker.leaseUntil);
  const { account, device } = talker;
  for (const other of draft.others(talker))
    draft.plane(other, { type: 'peer-lost', account, device, until: leaseUntil });
}

/** Heard: its lease starts again, or stops while its socket is open. Before the call is connected its deadline governs. */
export function renew(draft: Draft, talker: Talker): void {
  const { now } = draft;
  const { account, device } = talker;
  if (talker.lost) {
    talker.lost = false;
    for (const other of draft.others(talker)) draft.plane(other, { type: 'peer-back', account, device });
  }
  const runs = !talker.socket && draft.is('connected');
  if (!runs && talker.leaseUntil === null) return;
  talker.leaseUntil = runs ? now + IN_CALL_LEASE_MS : null;
  draft.deadline(`lease:${device}`, talker.leaseUntil);
}

/** Who is lost for a whole lease is dropped from a group; a call of two is over. */
export function onLease(draft: Draft, device: string): void {
  const { call, now } = draft;
  const talker = call.talkers.find((one) => one.device === device);
  if (!talker || talker.leaseUntil === null || now < talker.leaseUntil || !draft.is('granted', 'connected')) return;
  if (now > talker.leaseUntil + LEASE_SLACK_MS) {
    talker.leaseUntil = now + IN_CALL_LEASE_MS;
    draft.deadline(`lease:${device}`, talker.leaseUntil);
    return;
  }
  if (call.group) return onDropped(draft, talker);
  end(draft, 'failed', { detail: 'lost', by: device });
}

/**
 * Nobody confirmed in time. Where a talker is at the call plane, or was, or nobody watched the deadline, the confirmation may be on
 * its way from two who talk already: they have one lease more, once. Devices give up by themselves, by when they heard of the grant.
 */
export function onConnectDeadline(draft: Draft): void {
  const { call, now } = draft;
  if (call.state !== 'granted' || now < (call.connectDeadline ?? 0)) return;
  const until = now + IN_CALL_LEASE_MS;
  if (!isExcused(draft)) return end(draft, 'failed', { detail: GAVE_UP });
  call.connectDeadline = until;
  draft.deadline('connect', until);
}

function isExcused({ call, now }: Draft): boolean {
  const { connectDeadline, grantedAt } = call;
  if (connectDeadline === null || grantedAt === null) return false;
  if (call.legs.some((leg) => leg.state === 'answering') || connectDeadline > grantedAt + CONNECT_MS + GRANT_WAIT_MS)
    return false;
  return now > connectDeadline + LEASE_SLACK_MS || call.talkers.some(({ socket, lost }) => socket || lost);
}
