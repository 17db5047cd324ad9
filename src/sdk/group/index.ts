/** The package export `./sdk/group`: group calls, plugged into a client. */
import type { Groups } from '../calls/group-call.ts';
import { Group } from './group.ts';
import { readInvited } from './invited.ts';

export type { FrameKey, FrameKeys, GroupCall, GroupEvents, Groups, Participant } from '../calls/group-call.ts';

/** For `new CallsignClient(config, identity, events, { groups: groupCalls() })`: then calls have a `group`. */
export function groupCalls(): Groups {
  return {
    reads: (group) => readInvited(group) !== null,
    attach: (ground, held) => new Group(ground, held),
  };
}
