/** Each verb is legal for exactly one role, and what role a device has is decided by the call's state alone. */
import type { Party, Verb } from '../protocol/call.ts';
import type { Call } from './call.ts';

/**
 * `caller` placed the call; `leg` is invited to it; `talker` may send media in it, and a caller becomes one as well; `dropped` was
 * a talker of a group, lost for a lease, and may come back or leave.
 */
export type Role = 'caller' | 'leg' | 'talker' | 'dropped';

export const ROLE_OF: Readonly<Record<Exclude<Verb['verb'], 'alive'>, Role>> = {
  invite: 'caller',
  cancel: 'caller',
  ringing: 'leg',
  answer: 'leg',
  decline: 'leg',
  ignore: 'leg',
  busy: 'leg',
  failed: 'leg',
  signal: 'talker',
  confirm: 'talker',
  hangup: 'talker',
  socket: 'talker',
  add: 'talker',
  join: 'talker',
  remove: 'talker',
  leave: 'talker',
  found: 'talker',
  proofs: 'talker',
  keys: 'talker',
  'keys-ack': 'talker',
  'keys-again': 'talker',
  rekey: 'talker',
};

export function rolesOf(call: Call, party: Party): Role[] {
  const same = (other: Party): boolean => other.account === party.account && other.device === party.device;
  const roles: Role[] = [];
  if (same(call.caller)) roles.push('caller');
  if (call.legs.some(same)) roles.push('leg');
  if (call.talkers.some(same)) roles.push('talker');
  if (call.group?.dropped.some(same)) roles.push('dropped');
  return roles;
}

const OF_DROPPED: ReadonlySet<Verb['verb']> = new Set(['join', 'leave', 'hangup']);

/** Whether these roles may say the verb. */
export function may(roles: readonly Role[], verb: Verb['verb']): boolean {
  if (verb === 'alive') return roles.length > 0;
  return roles.includes(ROLE_OF[verb]) || (roles.includes('dropped') && OF_DROPPED.has(verb));
}
