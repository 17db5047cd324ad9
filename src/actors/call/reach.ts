import { isOpen, type Call } from '../../calls/call.ts';
import type { Json, Turn } from '../port.ts';

/**
 * Invitations that no mailbox has taken yet. Their mail is durable and flies again by itself; the queue only wakes this call
 * from outside, and whether a leg is unreachable the call alone decides, at its ring deadline.
 */
export const REACH_DEADLINE = 'reach';
const QUEUE = 'invitations';
/** So long an invitation may take before the queue is asked to help. */
const PATIENCE_MS = 2_000;
/** A hint may be lost: asked again. */
const ASK_AGAIN_MS = 10_000;

/** An invitation was posted. */
export function expectReached(t: Turn): void {
  t.wake(REACH_DEADLINE, t.now + PATIENCE_MS);
}

/** What became of one is known: the last one takes the deadline with it. */
export function onReached(t: Turn, call: Call | null): void {
  if (pending(call) === 0) t.wake(REACH_DEADLINE, null);
}

export function onReachDue(t: Turn, call: Call | null): void {
  if (pending(call) === 0) return;
  t.hint(QUEUE, 'legs');
  t.wake(REACH_DEADLINE, t.now + ASK_AGAIN_MS);
}

/** For the queue's consumer: it comes again while any leg is not reached. */
export function unreached(call: Call | null): Json {
  return { pending: pending(call) };
}

function pending(call: Call | null): number {
  if (!call || call.state === 'ended') return 0;
  return call.legs.filter((leg) => isOpen(leg) && leg.state === 'pending').length;
}
