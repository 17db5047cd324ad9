/** What is not to be seen looks the same, and who looks too much is stopped. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTown, type Person, type Town } from './town.ts';

const CAP = 30;
/** Two kinds of request, in turns: so many of each. */
const ROUNDS = 60;
/** Less surely different is not different: chance exceeds it once in fifteen thousand times. */
const SURE = 4;
/** So often a difference must be found to be one. */
const REPEATED = 3;
/** A machine may become slower while the control is measured; its delay is then measured anew. */
const CONTROLS = 8;

describe.each(['deno', 'workerd'] as const)('lookups on %s', (host) => {
  let town: Town;
  let asker: Person;
  let hidden: Person;
  let blocking: Person;
  let open: Person;
  const name = (what: string) => `${what}-${host}@example.com`;
  beforeAll(async () => {
    // The asker looks the same few handles up over and over, which counts once a day.
    town = await openTown(host, { LOOKUPS_PER_DAY_NEW: String(CAP), LOOKUPS_PER_MINUTE: '100000' });
    [asker, hidden, blocking, open] = [
      await town.person(),
      await town.person(),
      await town.person(),
      await town.person(),
    ];
    await hidden.prove(name('hiddenx'));
    await hidden.client.hideHandle(name('hiddenx'), true);
    await blocking.prove(name('blocking'));
    await blocking.client.block(asker.identity.account);
    await open.prove(name('openopen'));
  });
  afterAll(() => town?.server.stop());

  const look = (handle: string) =>
    asker.prover.ask('POST', '/v1/lookups', { body: JSON.stringify({ handles: [handle] }) });
  /** Everything of an answer that says something: status, header names and values but ids, nonces and times, and the body. */
  async function wire(handle: string) {
    const answer = await look(handle);
    const ids = new Set(['x-request-id', 'dpop-nonce', 'date']);
    const headers = [...answer.headers].map(([header, value]) => (ids.has(header) ? header : `${header}: ${value}`));
    const body = (await answer.text()).replace(/"serverNow":\d+/, '"serverNow":0');
    return { status: answer.status, headers, body };
  }

  it('a handle that nobody holds and a hidden one are one answer, byte for byte', async () => {
    const [unknown, hides] = [await wire(name('unknown')), await wire(name('hiddenx'))];
    const anonymous = (answer: typeof unknown, handle: string) => JSON.stringify(answer).replaceAll(handle, 'handle');
    expect(anonymous(unknown, name('unknown'))).toBe(anonymous(hides, name('hiddenx')));
    expect(unknown.status).toBe(200);
  });

  it('an account that blocks the asker and one that does not give answers of one shape and length', async () => {
    const [blocks, opens] = [await wire(name('blocking')), await wire(name('openopen'))];
    expect(blocks.status).toBe(opens.status);
    expect(blocks.headers.map((one) => one.replace(/length: \d+/, ''))).toEqual(
      opens.headers.map((one) => one.replace(/length: \d+/, '')),
    );
    const shape = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(shape);
      if (typeof value !== 'object' || value === null)
        return typeof value === 'string' ? (value.length > 200 ? 'long' : value.length) : typeof value;
      return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, shape(one)]));
    };
    const found = (body: string) => shape((JSON.parse(body) as { results: unknown[] }).results[0]);
    expect(found(blocks.body)).toEqual(found(opens.body));
    expect(Math.abs(blocks.body.length - opens.body.length)).toBeLessThan(48);
  });

  /**
   * How surely two samples differ: Mann-Whitney's U as a normal deviate. Taken in turns and by rank, so that a machine that is slow for
   * a while is slow for both.
   */
  function deviate(a: readonly number[], b: readonly number[]): number {
    const all = [...a.map((value) => ({ value, own: true })), ...b.map((value) => ({ value, own: false }))].toSorted(
      (x, y) => x.value - y.value,
    );
    const ranks = all.reduce((sum, { own }, index) => sum + (own ? index + 1 : 0), 0);
    const mean = (a.length * (a.length + b.length + 1)) / 2;
    return (ranks - mean) / Math.sqrt((a.length * b.length * (a.length + b.length + 1)) / 12);
  }

  /** A request that is ready to be sent. */
  type Ready = () => Promise<() => Promise<unknown>>;

  async function timed(ready: Ready): Promise<number> {
    const run = await ready();
    const started = performance.now();
    await run();
    return performance.now() - started;
  }

  async function compared(first: Ready, second: Ready): Promise<number> {
    const [a, b]: [number[], number[]] = [[], []];
    for (let i = 0; i < ROUNDS; i++) {
      // Which comes first changes, so that neither profits from the other.
      if (i % 2 === 0) a.push(await timed(first));
      b.push(await timed(second));
      if (i % 2 === 1) a.push(await timed(first));
    }
    return Math.abs(deviate(a, b));
  }

  /** How surely they differ, said again while they seem to: what differs does so every time, and what chance brought does not last. */
  async function differing(first: Ready, second: Ready): Promise<number[]> {
    const found: number[] = [];
    do found.push(await compared(first, second));
    while (found.at(-1)! > SURE && found.length < REPEATED);
    return found;
  }
  const differ = (found: readonly number[]) => found.every((sure) => sure > SURE);

  /** The distance between the quartiles, ms; at least two. */
  async function spread(ready: Ready): Promise<number> {
    const times: number[] = [];
    for (let i = 0; i < ROUNDS / 2; i++) times.push(await timed(ready));
    const sorted = times.toSorted((x, y) => x - y);
    return Math.max(2, sorted[Math.floor(ROUNDS * 0.375)]! - sorted[Math.floor(ROUNDS * 0.125)]!);
  }

  /** Only the request itself is timed: proof and token are made before. */
  function prepared(what: string): Ready {
    return async () => {
      const token = await asker.prover.token();
      const proof = await asker.prover.proof('POST', '/v1/lookups', token);
      const body = JSON.stringify({ handles: [name(what)] });
      const headers = { Authorization: `DPoP ${token}`, DPoP: proof, 'Content-Type': 'application/json' };
      return async () => {
        const answer = await fetch(`${town.server.url}/v1/lookups`, { method: 'POST', headers, body });
        const text = await answer.text();
        if (answer.status !== 200) throw new Error(text);
      };
    };
  }

  it('take as long for a handle that nobody holds as for a hidden one, and for who is blocked as for others; the test sees a difference where there is one', async () => {
    for (const handle of ['unknown', 'hiddenx', 'blocking', 'openopen'])
      for (let i = 0; i < 10; i++) await look(name(handle));
    // Positive control: the same request that is later by as much as half of these requests differ among themselves.
    const late =
      (ready: Ready, delay: number): Ready =>
      async () => {
        const run = await ready();
        return async () => {
          await new Promise((resolve) => setTimeout(resolve, delay));
          await run();
        };
      };
    const controls: { delay: number; found: number[] }[] = [];
    do {
      const delay = await spread(prepared('openopen'));
      controls.push({ delay, found: await differing(prepared('openopen'), late(prepared('openopen'), delay)) });
    } while (!differ(controls.at(-1)!.found) && controls.length < CONTROLS);
    const unseen = await differing(prepared('unknown'), prepared('hiddenx'));
    const blocked = await differing(prepared('blocking'), prepared('openopen'));
    const seen = { control: differ(controls.at(-1)!.found), unseen: differ(unseen), blocked: differ(blocked) };
    expect({ ...seen, measured: { controls, unseen, blocked } }).toMatchObject({
      control: true,
      unseen: false,
      blocked: false,
    });
  }, 1_800_000);

  it('a new account that tries to enumerate is stopped by the daily cap, with the standard headers; what it knows it may still look up', async () => {
    const newcomer = await town.person();
    const ask = (handles: string[]) =>
      newcomer.prover.ask('POST', '/v1/lookups', { body: JSON.stringify({ handles }) });
    const guesses = (from: number) => Array.from({ length: 10 }, (_, i) => `+4930123${4500 + from + i}`);
    for (let from = 0; from < CAP; from += 10) expect((await ask(guesses(from))).status).toBe(200);
    const stopped = await ask([name('openopen')]);
    expect(stopped.status).toBe(429);
    expect(await stopped.json()).toMatchObject({ reason: 'lookups-per-day' });
    const wait = Number(stopped.headers.get('Retry-After'));
    expect(wait).toBeGreaterThan(86_000);
    expect(wait).toBeLessThanOrEqual(86_400);
    expect(stopped.headers.get('RateLimit-Policy')).toContain(`"lookups-per-day";q=${CAP};w=86400`);
    expect(stopped.headers.get('RateLimit')).toContain(`"lookups-per-day";r=0;t=${wait}`);
    // A handle that was looked up before, and a contact's, are no new strangers.
    expect((await ask(guesses(0))).status).toBe(200);
    const policy = await newcomer.client.policy();
    await newcomer.client.setPolicy({ ...policy, contacts: [open.identity.account] });
    expect((await ask([name('openopen')])).status).toBe(200);
    // The SDK says so, and does not try again by itself.
    await expect(newcomer.client.find('+4930999999')).rejects.toMatchObject({
      code: 'refused',
      reason: 'lookups-per-day',
      status: 429,
    });
  });
});
