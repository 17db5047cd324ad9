import { CLOSE } from '../../protocol/courier.ts';
import { DORMANT_AFTER_MS } from '../account/callable.ts';
import type { Json, Socket, Turn } from '../port.ts';
import type { Self } from './self.ts';

/** What a device without a certificate in force may still say of a call: that it does not want it, or leaves it. */
const PARTING: ReadonlySet<unknown> = new Set(['decline', 'hangup', 'leave']);

const RENEWAL_ONLY = 'renewal';

/** Remembers the latest end of a certificate that was shown or told; an earlier one changes nothing. */
export function certifiedUntil(t: Turn, self: Self, notAfter: number | null): Self {
  if (notAfter === null || notAfter <= (self.notAfter ?? 0)) return self;
  t.run(`UPDATE device_self SET not_after = ?2 WHERE actor = ?1`, notAfter);
  return { ...self, notAfter };
}

/** G11: such a device may be rung, and renew; it may not take part in anything. */
export function isDormant(t: Turn, { notAfter }: Self): boolean {
  return notAfter !== null && notAfter <= t.now;
}

export function mayOnlyPart(t: Turn, self: Self, verb: unknown): boolean {
  return isDormant(t, self) && !PARTING.has(verb);
}

/** A connection under a certificate that has ended: it is told what to do, and gets nothing else. */
export function admitForRenewal(socket: Socket, { notAfter }: Self): null {
  socket.note = RENEWAL_ONLY;
  socket.send(JSON.stringify({ type: 'renewal-needed', by: (notAfter ?? 0) + DORMANT_AFTER_MS }));
  return null;
}

/** The account recorded a new certificate: whoever waited for it may come back in at once, as a device in force. */
export function renewed(t: Turn, self: Self, notAfter: number): Json {
  certifiedUntil(t, self, notAfter);
  for (const socket of t.sockets().filter(({ note }) => note === RENEWAL_ONLY)) {
    socket.send(JSON.stringify({ type: 'reconnect', afterMs: 0, spreadMs: 0 }));
    socket.close(CLOSE.renewed, 'renewed');
  }
  return { ok: true };
}
