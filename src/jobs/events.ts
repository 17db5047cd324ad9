import type { Actors, Consumer, Json } from '../actors/port.ts';
import type { CertificateRow, Repositories } from '../db/repositories.ts';
import type { EventRow } from '../protocol/event.ts';

interface Shipment {
  readonly rows: readonly { readonly n: number; readonly row: EventRow }[];
}

/**
 * Ships an actor's events to the feed: read, append, confirm, until there are none. Durable in the feed before the actor
 * forgets them, and a repeat is recognized by the row's id.
 */
export function shipEvents(actors: Actors, db: Repositories): Consumer {
  return async ({ actor }) => {
    for (;;) {
      const asked = await actors.command(actor, 'events', { do: 'events' });
      if (!asked.ok) return { done: false, retryAfterMs: 1_000 };
      const { rows = [] } = asked.value as unknown as Partial<Shipment>;
      const last = rows.at(-1);
      if (!last) return { done: true };
      await db.events.append(rows.map(({ row }) => row));
      for (const { row } of rows) if (row.index) await index(db, row);
      const confirmed = await actors.command(actor, 'events-shipped', {
        do: 'events-shipped',
        upTo: last.n,
      } satisfies Json);
      if (!confirmed.ok) return { done: false, retryAfterMs: 1_000 };
      if ((confirmed.value as { left?: number }).left === 0) return { done: true };
    }
  };
}

/** The part of an event that feeds an index; newer wins, so order does not matter. */
async function index(db: Repositories, { index: fields, reason }: EventRow): Promise<void> {
  if (fields?.['table'] !== 'certificate' || typeof fields['serial'] !== 'string') return;
  const { serial, account, device, status, statusAt, notAfter, evidence, issuer } = fields as unknown as CertificateRow;
  await db.certificates.index({
    serial,
    account: account ?? null,
    device,
    status,
    statusAt,
    notAfter: notAfter ?? null,
    evidence: evidence ?? null,
    issuer: issuer ?? null,
    reason: reason ?? null,
  });
}
