import type { Fault } from '../../actors/port.ts';

/** One line of JSON for the operator. It names an actor and a key, never a body. */
export function report(fault: Fault): void {
  const { type, actor, key, error } = fault;
  console.error(JSON.stringify({ event: 'fault', type, kind: actor.kind, name: actor.name, key, error }));
}
