/**
 * A full group on the Deno host: 33 devices of 33 accounts in one process, each with its own SDK. What a newcomer waits for, what a
 * departure costs, and how many keys change hands.
 */
import { memoryStore, webCrypto } from '../src/sdk/index.ts';
import { Cast, until } from '../test/sdk/suite/cast.ts';
import { bring, groupOf, type Guest, meeting } from '../test/sdk/suite/groups.ts';
import { deploy } from '../test/sdk/suite/server.ts';
import type { Figures } from './run.ts';

const MEMBERS = 33;
const BATCH = 5;

/** Everybody holds the keys of everybody in the epoch in force, and that is the same one. */
function complete(guests: readonly Guest[]): boolean {
  const [first] = guests;
  const epoch = first && groupOf(first).epoch;
  return guests.every((guest) => {
    const { frameKeys, participants } = groupOf(guest);
    const now = frameKeys.receive.filter(({ keys }) => keys.some(({ kid }) => kid === epoch));
    return participants.length === guests.length && frameKeys.send?.kid === epoch && now.length === guests.length - 1;
  });
}

async function timed(what: () => Promise<unknown> | void, guests: () => readonly Guest[]): Promise<number> {
  const began = performance.now();
  await what();
  for (let patience = 0; !complete(guests()); patience++) {
    if (patience > 6_000) throw new Error('a group does not come together');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return performance.now() - began;
}

export async function group(): Promise<Figures> {
  const { server, deployment, root } = await deploy();
  const own = { crypto: () => webCrypto(), store: async () => memoryStore() };
  const cast = new Cast({ origin: server.url, deployment, root, ...own });
  try {
    const guests: Guest[] = [...(await meeting(cast))];
    const [host] = guests as [Guest];
    while (guests.length < MEMBERS - 1) {
      const more = Math.min(BATCH, MEMBERS - 1 - guests.length);
      const people = await Promise.all(Array.from({ length: more }, () => cast.person()));
      guests.push(...(await Promise.all(people.map((person) => bring(cast, host, person)))));
      await until(() => complete(guests), `${guests.length} together`).catch(() => undefined);
    }
    const last = await cast.person();
    const join = await timed(
      async () => guests.push(await bring(cast, host, last)),
      () => guests,
    );
    const leaver = guests.pop()!;
    const leave = await timed(
      () => groupOf(leaver).leave(),
      () => guests,
    );
    return {
      figures: {
        members: MEMBERS,
        'keys per epoch': MEMBERS * (MEMBERS - 1),
        'ring, accept, join and all keys, ms': join,
        'leave and all keys, ms': leave,
      },
      ratios: {},
    };
  } finally {
    cast.close();
    await server.stop();
  }
}
