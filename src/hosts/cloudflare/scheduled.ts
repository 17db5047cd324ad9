import type { Fault } from '../../actors/port.ts';
import type { Chore } from '../../jobs/chores.ts';

/** Every chore has its turn; one that fails is reported and holds up none of the others. */
export async function housekeep(
  event: ScheduledController,
  chores: readonly Chore[],
  report: (fault: Fault) => void,
): Promise<void> {
  for (const { name, work } of chores) {
    try {
      await work(event.scheduledTime);
    } catch (error) {
      const text = error instanceof Error ? error.message : 'unknown';
      report({ type: 'effect-failed', actor: { kind: 'chore', name }, key: event.cron, error: text });
    }
  }
}
