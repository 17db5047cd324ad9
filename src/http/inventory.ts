import { withInventory } from '../attestation/policy/inventory.ts';
import { keptOf } from '../attestation/stored/record.ts';
import type { Verdict } from '../attestation/verdict.ts';
import type { HardwareMark, HeldEnrollment } from '../db/repositories.ts';
import type { Judged } from './enrollment.ts';
import type { Services } from './services.ts';

/** An enrollment that waits for an operator keeps what it was judged on for so long, ms. */
export const HELD_MS = 7 * 86_400_000;

/** What names one device, or so few that an operator can list them. */
const KINDS: ReadonlySet<string> = new Set(['ek', 'serial', 'spki', 'credential']);

function marksOf({ keys }: Services, { verdict, proven, trust }: Judged): readonly HardwareMark[] {
  const { index } = keptOf(verdict, proven.key, trust, keys.hardware.secret);
  return index.filter(({ kind }) => KINDS.has(kind));
}

/** The verdict, with what policy makes of hardware that the operator lists or not; a decision about this enrollment comes first. */
export async function byInventory(services: Services, judged: Judged, held: HeldEnrollment | null): Promise<Verdict> {
  const { policy, db } = services;
  const { verdict } = judged;
  if (policy.inventory === 'off') return verdict;
  if (held?.state === 'denied') return withInventory(verdict, false, { ...policy, inventory: 'require' });
  const listed = held?.state === 'approved' || (await db.inventory.lists(marksOf(services, judged)));
  return withInventory(verdict, listed, policy);
}
