import { beforeEach, describe, expect, it } from 'vitest';
import { account } from '../../src/actors/account/account.ts';
import { eventHash } from '../../src/actors/events.ts';
import type { Actors } from '../../src/actors/port.ts';
import type { CertificateRow, Repositories } from '../../src/db/repositories.ts';
import { Simulator } from '../../src/hosts/simulator/simulator.ts';
import { CALM } from '../../src/hosts/simulator/weather.ts';
import type { EventRow } from '../../src/protocol/event.ts';
import { actors, Town } from '../actors/people.ts';
import { shipEvents } from '../../src/jobs/events.ts';

const simulator = new Simulator({ actors });
let feed: EventRow[];
let index: CertificateRow[];
let trouble: { append: boolean; confirm: boolean };

/** The feed as D1 keeps it: by id, once. */
const db = {
  events: {
    async append(rows: readonly EventRow[]) {
      if (trouble.append) throw new Error('the database is away');
      for (const row of rows) if (!feed.some(({ id }) => id === row.id)) feed.push(row);
    },
  },
  certificates: { index: async (row: CertificateRow) => void index.push(row) },
} as unknown as Repositories;

/** Routes' view of the simulator's actors; confirmations can be lost. */
const client: Actors = {
  async command(to, key, body) {
    if (key === 'events-shipped' && trouble.confirm) return { ok: false, reason: 'unavailable' };
    const answer = simulator.command(to, key, body);
    await simulator.pass(50);
    return answer;
  },
  upgrade: async () => new Response(null),
  turnAway: () => new Response(null),
  hinted: async () => ({ ok: true, value: null }),
};

let town: Town;
beforeEach(() => {
  simulator.reset(1, CALM);
  town = new Town(simulator);
  feed = [];
  index = [];
  trouble = { append: false, confirm: false };
});

const ship = (name: string) => shipEvents(client, db)({ actor: { kind: account.kind, name }, key: 'events' }, 1);

describe('shipping an actor’s events', () => {
  it('brings every row to the feed in order, each chained to the one before, and the certificates to their index', async () => {
    const ann = await town.person(2);
    expect(await ship(ann.account)).toEqual({ done: true });
    expect(feed.length).toBeGreaterThan(5);
    expect(feed.map(({ previous }) => previous)).toEqual(['', ...feed.slice(0, -1).map(({ hash }) => hash)]);
    for (const { hash, ...fields } of feed) expect(eventHash(fields)).toBe(hash);
    expect(new Set(index.map(({ device }) => device))).toEqual(new Set(ann.devices.map(({ device }) => device)));
    expect(await town.ask('account', ann.account, { do: 'events' })).toMatchObject({ rows: [] });
  });

  it('forgets nothing while the feed is away: the actor keeps its rows and the hint is tried again', async () => {
    const ann = await town.person(1);
    trouble.append = true;
    await expect(ship(ann.account)).rejects.toThrow('away');
    trouble.append = false;
    await ship(ann.account);
    expect(feed[0]?.previous).toBe('');
  });

  it('tells the feed nothing twice when the confirmation was lost', async () => {
    const ann = await town.person(1);
    trouble.confirm = true;
    expect(await ship(ann.account)).toMatchObject({ done: false });
    trouble.confirm = false;
    expect(await ship(ann.account)).toEqual({ done: true });
    expect(new Set(feed.map(({ id }) => id)).size).toBe(feed.length);
  });

  it('asks again by its own deadline when the hint was lost', async () => {
    simulator.weather = { ...CALM, lost: 0 };
    const ann = await town.person(1);
    const hinted: string[] = [];
    simulator.trace = (_, __, what) => what.startsWith('hinted events') && hinted.push(what);
    await simulator.pass(31_000);
    simulator.trace = null;
    expect(hinted.length).toBeGreaterThan(0);
    expect(await ship(ann.account)).toEqual({ done: true });
  });
});
