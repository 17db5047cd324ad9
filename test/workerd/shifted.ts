import { env } from 'cloudflare:workers';
import { shiftClock } from '../support/later/shift.ts';

/** The clock is ahead by this from here on, ms. */
export const AHEAD_MS = Number((env as unknown as { CLOCK_AHEAD_MS?: string }).CLOCK_AHEAD_MS ?? 0);
shiftClock(AHEAD_MS);
