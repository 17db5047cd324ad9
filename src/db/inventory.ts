import { and, asc, eq, gt, lte, sql } from 'drizzle-orm';
import { commit, type Database } from './database.ts';
import { events } from './events.ts';
import type { HardwareMark, HeldEnrollment, Inventory as Contract } from './repositories.ts';
import { heldEnrollment, inventory } from './schema.ts';

/** What the operator knows of its hardware, and who waits for the operator. Marks are bound as one JSON text. */
export class Inventories implements Contract {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async lists(marks: readonly HardwareMark[]): Promise<boolean> {
    const [row] = await this.#db.all<{ found: number }>(
      sql`SELECT EXISTS (SELECT 1 FROM inventory JOIN json_each(${JSON.stringify(marks)}) AS mark
            ON inventory.kind = json_extract(mark.value, '$.kind') AND inventory.value = json_extract(mark.value, '$.value')) AS found`,
    );
    return row?.found === 1;
  }

  async change(add: readonly HardwareMark[], remove: readonly HardwareMark[], now: number): Promise<number> {
    const added = sql`INSERT OR IGNORE INTO inventory (kind, value, at)
      SELECT json_extract(value, '$.kind'), json_extract(value, '$.value'), ${now} FROM json_each(${JSON.stringify(add)}) WHERE true`;
    const removed = sql`DELETE FROM inventory WHERE (kind, value) IN
      (SELECT json_extract(value, '$.kind'), json_extract(value, '$.value') FROM json_each(${JSON.stringify(remove)}))`;
    await this.#db.run(added);
    await this.#db.run(removed);
    return this.#db.$count(inventory);
  }

  async hold(row: HeldEnrollment): Promise<void> {
    const { id, at, device, format } = row;
    const told = {
      id: `enrollment.held/${id}`,
      at,
      type: 'enrollment.held',
      severity: 'notice',
      subject: device,
      reason: format,
      reference: id,
    } as const;
    await commit(this.#db, [
      this.#db.insert(heldEnrollment).values(row).onConflictDoNothing(),
      events.append(this.#db, told),
    ]);
  }

  async held(id: string, now: number): Promise<HeldEnrollment | null> {
    const [row] = await this.#db
      .select()
      .from(heldEnrollment)
      .where(and(eq(heldEnrollment.id, id), gt(heldEnrollment.until, now)));
    return row ? { ...row, state: row.state as HeldEnrollment['state'] } : null;
  }

  async waiting(now: number): Promise<readonly HeldEnrollment[]> {
    await this.#db.delete(heldEnrollment).where(lte(heldEnrollment.until, now));
    const rows = await this.#db.select().from(heldEnrollment).orderBy(asc(heldEnrollment.at), asc(heldEnrollment.id));
    return rows.map((row) => ({ ...row, state: row.state as HeldEnrollment['state'] }));
  }

  async decide(id: string, state: 'approved' | 'denied', now: number): Promise<boolean> {
    if ((await this.held(id, now)) === null) return false;
    await this.#db.update(heldEnrollment).set({ state }).where(eq(heldEnrollment.id, id));
    return true;
  }
}
