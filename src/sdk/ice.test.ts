import { describe, expect, it } from 'vitest';
import type { IdentifiedApi } from './api.ts';
import { CallsignError } from './errors.ts';
import { Ice, type IceServers } from './ice.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const CALL = 'c0'.repeat(16);

interface Asked {
  readonly at: number;
  readonly body: unknown;
  readonly signal: AbortSignal | undefined;
}

/** A server whose credentials hold for an hour, in a time that passes when told. Its clock is ten minutes ahead. */
function world() {
  const timers = new Set<{ at: number; run: () => void }>();
  const asked: Asked[] = [];
  const server = { there: true, held: [] as (() => void)[], holding: false };
  let now = 5 * HOUR_MS;
  const config = {
    now: () => now,
    after: (ms: number, run: () => void) => {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  const api = {
    config,
    ask: async (_: unknown, { body, signal }: { body: unknown; signal?: AbortSignal }) => {
      asked.push({ at: now, body, signal });
      if (server.holding) await new Promise<void>((resolve) => server.held.push(resolve));
      if (signal?.aborted) throw new CallsignError('aborted', 'aborted');
      if (!server.there) throw new CallsignError('network', 'unreachable');
      const serverNow = now + 10 * MINUTE_MS;
      const iceServers = [{ urls: ['turn:turn.example'], username: `u${asked.length}`, credential: 'c' }];
      return { iceServers, expiresAt: serverNow + HOUR_MS, serverNow };
    },
  } as unknown as IdentifiedApi;
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    ice: new Ice(api),
    asked,
    server,
    get now() {
      return now;
    },
    get pending() {
      return timers.size;
    },
    settle,
    pass: async (ms: number) => {
      const until = now + ms;
      for (;;) {
        await settle();
        const [next] = [...timers].filter(({ at }) => at <= until).toSorted((a, b) => a.at - b.at);
        if (!next) break;
        timers.delete(next);
        now = Math.max(now, next.at);
        next.run();
      }
      now = until;
    },
  };
}

const names = (told: readonly IceServers[]) => told.map(({ servers }) => servers[0]?.username);

describe('relays', () => {
  it('are asked for once while they hold for five minutes, and their end is told by the own clock', async () => {
    const it = world();
    const first = await it.ice.servers(CALL);
    expect(first.until).toBe(it.now + HOUR_MS);
    await it.pass(54 * MINUTE_MS);
    expect(await it.ice.servers(CALL)).toBe(first);
    await it.pass(MINUTE_MS);
    expect(await it.ice.servers(CALL)).not.toBe(first);
    expect(it.asked.map(({ body }) => body)).toEqual([{ call: CALL }, { call: CALL }]);
  });

  it('of one call are not those of another, nor of none', async () => {
    const it = world();
    await it.ice.servers(CALL);
    await it.ice.servers();
    await it.ice.servers('c1'.repeat(16));
    expect(it.asked.map(({ body }) => body)).toEqual([{ call: CALL }, {}, { call: 'c1'.repeat(16) }]);
  });

  it('that nobody waits for any more are an abort, and the next who asks is answered', async () => {
    const it = world();
    const giving = new AbortController();
    it.server.holding = true;
    const asked = it.ice.servers(CALL, giving.signal);
    expect(it.asked[0]?.signal).toBe(giving.signal);
    giving.abort();
    it.server.held.splice(0).forEach((go) => go());
    await expect(asked).rejects.toMatchObject({ code: 'aborted' });
    it.server.holding = false;
    expect(names([await it.ice.servers(CALL)])).toEqual(['u2']);
  });
});

describe('a watch', () => {
  it('tells servers now and again before each end, so that there are always some that hold for five minutes', async () => {
    const it = world();
    const told: IceServers[] = [];
    const stop = it.ice.watch(CALL, (servers) => told.push(servers));
    await it.settle();
    expect(names(told)).toEqual(['u1']);
    for (let minute = 0; minute < 3 * 60; minute++) {
      await it.pass(MINUTE_MS);
      expect(told.at(-1)!.until - it.now).toBeGreaterThanOrEqual(5 * MINUTE_MS - 1_000);
    }
    expect(names(told)).toEqual(['u1', 'u2', 'u3', 'u4']);
    expect(it.asked.map(({ at }, n) => at - (it.asked[n - 1]?.at ?? at))).toEqual([
      0,
      ...Array(3).fill(55 * MINUTE_MS),
    ]);
    stop();
  });

  it('begins with servers that a wake brought, and looks after them', async () => {
    const it = world();
    it.ice.keep(CALL, { iceServers: [{ urls: ['turn:woken'] }], expiresAt: 30 * MINUTE_MS, serverNow: 0 });
    const told: IceServers[] = [];
    const stop = it.ice.watch(CALL, (servers) => told.push(servers));
    await it.pass(24 * MINUTE_MS);
    expect([it.asked.length, told.length]).toEqual([0, 1]);
    await it.pass(2 * MINUTE_MS);
    expect([it.asked.length, names(told).at(-1)]).toEqual([1, 'u1']);
    stop();
  });

  it('asks again every 15 s while nothing can be had, well before the old ones end', async () => {
    const it = world();
    const told: IceServers[] = [];
    const stop = it.ice.watch(CALL, (servers) => told.push(servers));
    await it.pass(54 * MINUTE_MS);
    it.server.there = false;
    await it.pass(3 * MINUTE_MS);
    expect(told).toHaveLength(1);
    expect(told[0]!.until).toBeGreaterThan(it.now);
    expect(it.asked.length).toBeGreaterThanOrEqual(8);
    it.server.there = true;
    await it.pass(15_000);
    expect(told).toHaveLength(2);
    stop();
  });

  it('that was stopped leaves no timer, asks no more and tells nothing', async () => {
    const it = world();
    const told: IceServers[] = [];
    it.ice.watch(CALL, (servers) => told.push(servers))();
    await it.pass(3 * HOUR_MS);
    expect([told.length, it.asked.length, it.pending]).toEqual([0, 1, 0]);
    const stop = it.ice.watch(CALL, (servers) => told.push(servers));
    await it.settle();
    expect([told.length, it.pending]).toEqual([1, 1]);
    stop();
    expect(it.pending).toBe(0);
    await it.pass(3 * HOUR_MS);
    expect([told.length, it.pending]).toEqual([1, 0]);
  });

  it('that is stopped while it asks tells nothing of the answer, nor tries again when there is none', async () => {
    for (const there of [true, false]) {
      const it = world();
      const told: IceServers[] = [];
      it.server.holding = true;
      it.server.there = there;
      const stop = it.ice.watch(CALL, (servers) => told.push(servers));
      stop();
      it.server.held.splice(0).forEach((go) => go());
      await it.pass(HOUR_MS);
      expect([told.length, it.asked.length, it.pending]).toEqual([0, 1, 0]);
    }
  });
});
