/** What reaches a call. Who sent it was authenticated before; which role that is, the call's state decides. */
import type { LaterVerb, MissingDevice, Party, Verb } from '../protocol/call.ts';
import type { Silence } from './call.ts';

/** The callee's account on an invitation; `lock` when the same account also keeps the pair lock. */
export type PolicyAnswer =
  | { verdict: 'ring'; lock: LockAnswer | null }
  /** Ring nowhere and let the caller hear it ring `ringAfterMs` from now; `log`: the callee's history shows it. */
  | { verdict: 'silence'; cause: Silence; log: boolean; ringAfterMs: number }
  | { verdict: 'stale-capability'; devices: string[] }
  | { verdict: 'stale-devices'; set: number; missing: MissingDevice[]; extra: string[] }
  | { verdict: 'rate-limited'; retryAfterMs: number }
  | { verdict: 'callee-unknown' };

/** `glare`: the opposite call `other` is open; `survivor` is the lower id of the two. */
export type LockAnswer = { lock: 'taken' } | { lock: 'glare'; survivor: string; other: string };

/** Mail from another call. */
export type CallMail =
  /** Sent by the loser after it ended: auto-answer for the device that placed it. */
  | { type: 'merge'; from: string; party: Party; callee: string; media: string[] }
  /** To the loser: what became of the merge. `gone`: this call had ended ungranted. */
  | { type: 'merge-outcome'; from: string; outcome: 'merged' | 'standing' | 'gone' }
  /** To a survivor that rings in vain: the supposed loser was answered before it heard of the glare. */
  | { type: 'standing'; from: string }
  /** End in favor of a new call by the same device. */
  | { type: 'replace'; from: string; party: Party }
  | { type: 'replaced'; from: string };

export type CallCommand =
  | { type: 'verb'; party: Party; verb: Verb | LaterVerb }
  /** Answer of `account` to `invite-question`; null: unavailable. Without `account` it is the callee's. */
  | { type: 'policy'; attempt: number; account?: string; answer: PolicyAnswer | null }
  /** Answer to `lock-take`; null: unavailable. */
  | { type: 'lock'; attempt: number; answer: LockAnswer | null }
  /** From the account that keeps the lock: an opposite call with a lower id came. */
  | { type: 'glare'; account: string; survivor: string }
  | { type: 'call'; mail: CallMail }
  /** A call that mail went to does not exist (`known`), or could not be reached. */
  | { type: 'call-missing'; call: string; known: boolean }
  /** What a device's mailbox made of the invitation. */
  | { type: 'mailed'; party: Party; message: string; outcome: 'stored' | 'refused' | 'unavailable' }
  /** The device acknowledged the invitation (the receipt of its mailbox). */
  | { type: 'delivered'; party: Party }
  /** A call-plane socket of a talker opened or closed. */
  | { type: 'attached'; party: Party }
  | { type: 'detached'; party: Party }
  /** The plane's deadline: when the open socket of each device was last heard, ms. */
  | { type: 'heard'; at: Readonly<Record<string, number>> }
  | { type: 'due'; key: string };
