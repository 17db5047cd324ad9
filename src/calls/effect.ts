/** What a call wants done, after its row is durable. Plain data; the Call actor carries it out in order. */
import type { CallFrame, Party, Reply } from '../protocol/call.ts';
import type { Envelope } from '../protocol/envelope.ts';
import type { HistoryRow } from '../protocol/history.ts';
import type { Call } from './call.ts';
import type { CallMail } from './command.ts';

export type LockRequest = { call: string; caller: Party; callee: string; until: number };

/** Durable mail to an account. The answers to the first two come back as `policy` and `lock`. */
export type AccountMail =
  | {
      type: 'invite-question';
      call: string;
      attempt: number;
      from: Party;
      set: number;
      legs: { device: string; capability: string }[];
      media: string[];
      /** Set when this account also keeps the pair lock: taken only if the verdict is `ring`. */
      lock: LockRequest | null;
    }
  | { type: 'lock-take'; attempt: number; lock: LockRequest }
  | { type: 'lock-release'; call: string; caller: string; callee: string }
  | { type: 'history'; row: HistoryRow };

export type CallEventType =
  /** The invitation is stored; nothing rings yet. */
  | 'call.invited'
  | 'call.refused'
  /** It ended before it rang, and nobody had refused it. */
  | 'call.withdrawn'
  /** Every device's invitation is durable; exactly one `call.ended` follows. */
  | 'call.ringing'
  | 'call.delivered'
  | 'call.alerting'
  | 'call.granted'
  | 'call.connected'
  | 'call.ended';

export type Effect =
  /** Durable mail to a device's mailbox; give it up at `until`. Report the outcome of invitations as `mailed`. */
  | { type: 'mail'; to: Party; envelope: Envelope; until: number; invitation: boolean }
  | { type: 'account'; to: string; mail: AccountMail; until: number }
  | { type: 'call'; to: string; mail: CallMail; until: number }
  /** Over the call-plane socket of one talker; volatile. */
  | { type: 'frame'; to: Party; frame: CallFrame }
  | { type: 'close-socket'; to: Party; silent?: true }
  /** One entry of the group's log, kept with the call. */
  | { type: 'proof'; place: number; proof: string }
  /** Sets the deadline `key` (ms since 1970), or clears it; it comes back as `due`. */
  | { type: 'deadline'; key: string; at: number | null }
  /** One row of the events outbox, in the same commit. */
  | { type: 'event'; event: CallEventType; reason: string | null; reference: string | null }
  /** The call is 24 hours old: delete it. */
  | { type: 'erase' };

export type Decision = {
  /** The same object when nothing changed: then nothing needs to be written. Null: the call does not exist. */
  call: Call | null;
  effects: Effect[];
  /** The answer to a verb; null for everything else. */
  reply: Reply | null;
};
