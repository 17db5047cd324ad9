import { nameOf } from '../../actors/kernel/store.ts';
import type { Fault } from '../../actors/port.ts';

/** One JSON object per line on standard output: time, event, and what belongs to it. Never a body, a handle or an address. */
export function log(event: string, fields: Readonly<Record<string, string | number>> = {}): void {
  console.log(JSON.stringify({ time: new Date().toISOString(), event, ...fields }));
}

export function logFault({ type, actor, key, error }: Fault): void {
  log(type, { actor: nameOf(actor), key, error });
}
