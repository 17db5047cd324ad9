import type { Actors, Json } from '../actors/port.ts';
import type { Repositories } from '../db/repositories.ts';
import { shipEvents } from './events.ts';

/** What erasing works with. `hashOf`: how the directory keeps a canonical handle. */
export interface ErasureGround {
  readonly actors: Actors;
  readonly db: Repositories;
  readonly hashOf: (handle: string) => string;
}

/** `quarantineMs`: how long a handle that nobody has any more waits for its next holder. */
export interface ErasingGround extends ErasureGround {
  readonly quarantineMs: number;
}

interface Closed {
  readonly ok: boolean;
  readonly reason?: string;
  readonly open?: boolean;
  readonly devices?: readonly string[];
  readonly handles?: readonly string[];
}

/** Every erasure that was asked for and is not done: at the closing itself, and by the chore until it is done. */
export async function eraseAccounts(ground: ErasingGround, now: number): Promise<void> {
  for (const { account } of await ground.db.personal.requested()) await eraseAccount(ground, account, now);
  await ground.db.personal.sweep(now, ground.quarantineMs);
}

/**
 * Handles into quarantine, devices, tables, and the account's own rows last, because they say what else there is. Each step may
 * be repeated; false: not done yet. What the feed has not heard is told before its rows go.
 */
export async function eraseAccount(ground: ErasureGround, account: string, now: number): Promise<boolean> {
  const { actors, db, hashOf } = ground;
  const self = { kind: 'account', name: account };
  const asked = await actors.command(self, `erase/${account}`, { do: 'closed' });
  if (!asked.ok) return false;
  const { ok, open, devices = [], handles = [] } = asked.value as unknown as Closed;
  // The wish was written, the account was not closed, and nobody waits for it any more.
  if (ok && open) {
    await db.personal.withdraw(account);
    return false;
  }
  for (const handle of handles) await db.handles.release(hashOf(handle), account, now, null);
  for (const device of devices)
    if (!(await done(actors, { kind: 'device', name: device }, { do: 'erase', account }))) return false;
  const shipped = await shipEvents(actors, db)({ actor: self, key: 'events' }, 1);
  if (!shipped.done) return false;
  await db.personal.erase(account, devices);
  if (!(await done(actors, self, { do: 'erase' }))) return false;
  await db.personal.done(account, now);
  return true;
}

async function done(actors: Actors, to: { kind: string; name: string }, command: Json): Promise<boolean> {
  return (await actors.command(to, `erase/${to.name}`, command)).ok;
}
