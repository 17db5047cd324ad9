/**
 * What tests of the courier plant in a real server: commands straight to an actor, a clock that can be put ahead, and counts of the
 * turns that each actor took for clients. Only the entries beside this file know of it.
 */
import type { Actor, Actors, Address, Json } from '../../src/actors/port.ts';

/** One command for one actor. */
export interface Planted {
  readonly to: Address;
  readonly body: Json;
}

/** What a hello or a connection brings about; everything else an actor may do at any time. */
const OF_CLIENTS = new Set(['opened', 'frame', 'wake', 'authorize']);

const turns = new Map<string, number>();
const clock = Date.now;
let ahead = 0;
Date.now = () => clock() + ahead;

export function counted(actor: Actor): Actor {
  return {
    ...actor,
    turn(t, event) {
      const what = event.type === 'command' ? (event.body as { do?: string }).do : event.type;
      const name = `${t.self.kind}/${t.self.name}`;
      if (OF_CLIENTS.has(what ?? '')) turns.set(name, (turns.get(name) ?? 0) + 1);
      return actor.turn(t, event);
    },
  };
}

/** Null: a request for the product. */
export async function planted(request: Request, actors: () => Actors): Promise<Response | null> {
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith('/plant/')) return null;
  if (pathname === '/plant/turns') return Response.json(Object.fromEntries(turns));
  if (pathname === '/plant/clock') ahead = (await request.json()) as number;
  if (pathname !== '/plant/commands') return Response.json(null);
  const answers: Json[] = [];
  for (const { to, body } of (await request.json()) as Planted[]) {
    const answer = await actors().command(to, 'planted', body);
    answers.push(answer.ok ? answer.value : answer.reason);
  }
  return Response.json(answers);
}
