/** Each verb is legal for exactly one role, and what role a device has is decided by the call's state alone. */
import type { Party, Verb } from '../protocol/call.ts';
import type { Call } from './call.ts';

/** `caller` placed the call; `leg` is invited to it; `talker` may send media in it. A caller becomes a talker as well. */
export type Role = 'caller' | 'leg' | 'talker';

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
  keys: 'talker',
  'keys-ack': 'talker',
};

export function rolesOf(call: Call, party: Party): Role[] {
  const same = (other: Party): boolean => other.account === party.account && other.device === party.device;
  const roles: Role[] = [];
  if (same(call.caller)) roles.push('caller');
  if (call.legs.some(same)) roles.push('leg');
  if (call.talkers.some(same)) roles.push('talker');
  return roles;
}
