import { shiftClock } from './shift.ts';

shiftClock(Number(process.env['CLOCK_AHEAD_MS'] ?? 0));
