import type { Actor, Event, Turn } from '../../../src/actors/port.ts';
import type { Simulator } from '../../../src/hosts/simulator/simulator.ts';
import { IN_CALL_LEASE_MS, PLANE_SILENCE_MS } from '../../../src/protocol/call.ts';
import type { Handset } from './handset.ts';
import { stateOf } from './witness.ts';

const SLACK_MS = 5_000;

/** What fell silent in all runs so far. */
export const silenced = { dead: 0, alive: 0 };

/**
 * In calm weather somebody who talks falls silent, and no socket of it closes. Who is dead is out of its call within a silence and a
 * lease; who is alive comes back, and stays.
 */
export async function fallSilent(simulator: Simulator, handsets: readonly Handset[]): Promise<string[]> {
  const talking = handsets.filter(({ talksIn }) => talksIn !== null);
  if (talking.length === 0) return [];
  const one = simulator.dice.pick(talking);
  const call = one.talksIn ?? '';
  const { device } = one.party;
  if (simulator.dice.chance(0.5)) {
    silenced.dead++;
    one.vanish();
    await simulator.pass(PLANE_SILENCE_MS + IN_CALL_LEASE_MS + SLACK_MS);
    const state = stateOf(simulator, call);
    const stays = state?.state !== 'ended' && state?.talkers.some((talker) => talker.device === device);
    return stays ? [`who falls silent is out after its lease: ${one.name} still is in ${call.slice(0, 6)}`] : [];
  }
  silenced.alive++;
  one.mutePlanes();
  await simulator.pass(PLANE_SILENCE_MS + IN_CALL_LEASE_MS + SLACK_MS);
  const state = stateOf(simulator, call);
  const lost = state?.detail === 'lost' && state.by === device;
  const dropped = state?.group?.dropped.some((gone) => gone.device === device) === true;
  return lost || dropped ? [`who comes back over another socket stays: ${one.name} was lost`] : [];
}

/** Calls that never look at their sockets. */
export function neverLook(actors: readonly Actor[]): Actor[] {
  return actors.map((actor) => ({
    ...actor,
    turn: (t: Turn, event: Event<unknown>) =>
      actor.kind === 'call' && event.type === 'due' && event.key === 'plane' ? null : actor.turn(t, event),
  }));
}
