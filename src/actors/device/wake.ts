import { deliverFrame } from '../../courier/decide.ts';
import type { Row } from '../../courier/mailbox.ts';
import { TOPIC } from '../../protocol/courier.ts';
import type { Json, Turn } from '../port.ts';
import { bodyOf, loadMailbox } from './rows.ts';
import { callOfTag } from './wakeup.ts';

/**
 * What a device that a push woke is told, without a connection: the calls it is about and their envelopes that wait. Nothing is
 * acknowledged by it; the courier delivers the same envelopes under the same ids.
 */
export function wake(t: Turn, tag: string | null): Json {
  const mailbox = loadMailbox(t, null);
  const waiting = mailbox.rows.filter(
    (row) => row.state === 'waiting' && row.topic === TOPIC.call && row.expires > t.now,
  );
  const meant = tag === null ? ringing(waiting) : callOfTag(t, tag);
  const calls = typeof meant === 'string' ? [meant] : (meant ?? []);
  const envelopes = waiting
    .filter((row) => calls.some((call) => isAbout(row, call)))
    .flatMap((row) => {
      const kept = bodyOf(t, row.seq);
      return kept ? [deliverFrame(kept.row, kept.body, t.now)] : [];
    });
  return { ok: true, calls, envelopes: envelopes as unknown as Json };
}

/** Calls whose invitation waits here. */
function ringing(rows: readonly Row[]): string[] {
  return [...new Set(rows.flatMap(({ push }) => (push ? [push.call] : [])))];
}

/** Ids of envelopes about a call begin with its id. */
function isAbout({ id }: Row, call: string): boolean {
  return id.startsWith(`${call}.`);
}
