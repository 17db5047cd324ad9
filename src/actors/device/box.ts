import { decide, deliverFrame } from '../../courier/decide.ts';
import type { MailboxCommand, MailboxEffect, Row } from '../../courier/mailbox.ts';
import type { PutReply } from '../../protocol/envelope.ts';
import { record } from '../events.ts';
import type { Socket, Turn } from '../port.ts';
import { bodyOf, keepQueue, loadMailbox, saveHead, saveRow } from './rows.ts';
import type { Self } from './self.ts';
import { planWakeup } from './wakeup.ts';

export const BOX_DEADLINE = 'mailbox';
/** A receipt tells a call that its invitation arrived; after this the ring is over. */
const RECEIPT_LIFE_MS = 180_000;

/** One command to the mailbox: load, decide, write, send. */
export function obeyMailbox(t: Turn, self: Self, command: MailboxCommand): PutReply | null {
  const before = loadMailbox(t, command);
  const { mailbox, effects, reply } = decide(before, command, t.now);
  const body = command.type === 'put' ? command.envelope.body : null;
  saveHead(t, before, mailbox);
  const sockets = new Map(t.sockets().map((socket) => [socket.id, socket]));
  const inserted = effects.find((effect) => effect.type === 'insert')?.row;
  const fresh = inserted ? { row: inserted, body } : null;
  const exact = command.type !== 'put' && (command.type !== 'ack' || before.rows.some(({ pushAt }) => pushAt !== null));
  for (const effect of effects) if (!saveRow(t, effect, body)) carryOut(t, self, effect, sockets, fresh, exact);
  keepQueue(t, mailbox);
  return reply;
}

interface Kept {
  readonly row: Row;
  readonly body: unknown;
}

/** `fresh`: the row that this command wrote, which need not be read again; `exact`: its deadline may also move back. */
function carryOut(
  t: Turn,
  self: Self,
  effect: MailboxEffect,
  sockets: ReadonlyMap<string, Socket>,
  fresh: Kept | null,
  exact: boolean,
): void {
  switch (effect.type) {
    case 'deliver': {
      const kept = effect.seq === fresh?.row.seq ? fresh : bodyOf(t, effect.seq);
      if (kept) sockets.get(effect.connection)?.send(JSON.stringify(deliverFrame(kept.row, kept.body, t.now)));
      return;
    }
    case 'frame':
      sockets.get(effect.connection)?.send(JSON.stringify(effect.frame));
      return;
    case 'close':
      sockets.get(effect.connection)?.close(effect.code, effect.reason);
      return;
    case 'push':
      planWakeup(t, effect);
      return;
    case 'receipt':
      t.post(
        { kind: 'call', name: effect.to },
        'receipt',
        { do: 'delivered', party: { account: self.account, device: self.device } },
        t.now + RECEIPT_LIFE_MS,
      );
      return;
    case 'deadline':
      // One that comes too early finds nothing to do and sets the next; that of a push which need not be made is taken back.
      if (exact) t.wake(BOX_DEADLINE, effect.at);
      else if (effect.at !== null) t.wakeBy(BOX_DEADLINE, effect.at);
      return;
    case 'event':
      record(t, { type: effect.event, severity: 'warning', subject: self.device, reason: effect.topic });
      return;
    default:
      return;
  }
}
