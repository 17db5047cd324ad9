import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Actor, Fault, Json, SchemaStep } from '../../actors/port.ts';
import { PING } from '../../protocol/keep-alive.ts';
import { Host } from './host.ts';
import type { CommitPoint } from './shard.ts';

let folder = '';
let hosts: Host[] = [];
let faults: Fault[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'callsign-host-'));
  hosts = [];
  faults = [];
});

afterEach(async () => {
  vi.useRealTimers();
  for (const host of hosts) await host.stop();
  rmSync(folder, { recursive: true });
});

/** All but setImmediate, by which commits are taken. */
const FAKED = ['Date', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] as const;

/** Minutes of the faked clock, with time for commits after each. */
async function pass(minutes: number): Promise<void> {
  for (let i = 0; i < minutes; i++) {
    await vi.advanceTimersByTimeAsync(60_000);
    for (let tick = 0; tick < 20; tick++) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** An actor of one table, whose turn is given by the test. */
function actor(kind: string, turn: Actor['turn'], more: readonly SchemaStep[] = []): Actor {
  const table = `CREATE TABLE ${kind} (actor TEXT NOT NULL PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID`;
  return {
    kind,
    tables: [kind],
    schema: [{ minReader: 1, sql: [table] }, ...more],
    admit: async (arrival) => arrival.body,
    turn,
  };
}

function open(...actors: Actor[]): Host {
  return openWith(actors);
}

function openWith(actors: Actor[], at?: (point: CommitPoint) => void, rests?: ReadonlyMap<string, number>): Host {
  const host = new Host({
    folder,
    files: at ? 1 : 2,
    ...(at && { at }),
    ...(rests && { rests }),
    actors,
    consumers: (client) =>
      new Map([['q', async (h) => ({ done: true, ...(await client.hinted(h.actor, 'q', h.key)) })]]),
    report: (fault) => faults.push(fault),
  });
  hosts.push(host);
  return host;
}

async function reopen(...actors: Actor[]): Promise<Host> {
  await hosts.pop()!.stop();
  return open(...actors);
}

const to = (kind: string, name: string) => ({ kind, name });

test('rows of newer code are not touched: their kind is outdated, its deadlines rest, and other kinds are served', async () => {
  const waking = actor('young', (t) => (t.wake('d', t.now + 1), null));
  const newer: SchemaStep = { minReader: 2, sql: [`ALTER TABLE young ADD COLUMN more TEXT`] };
  let host = open(
    { ...waking, schema: [...waking.schema, newer] },
    actor('other', () => 7),
  );
  await host.client.command(to('young', 'a'), '', null);

  host = await reopen(
    waking,
    actor('other', () => 7),
  );
  await host.start();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await host.client.command(to('young', 'a'), '', null)).toEqual({ ok: false, reason: 'outdated' });
  expect(await host.client.command(to('other', 'a'), '', null)).toEqual({ ok: true, value: 7 });
  expect(faults.map((fault) => fault.type)).toEqual(['outdated']);
});

test('a folder whose port tables are of newer code is not opened at all', async () => {
  open(actor('a', () => null));
  await hosts.pop()!.stop();
  const db = new DatabaseSync(join(folder, 'actors-01.sqlite'));
  db.exec(`UPDATE port_schema SET version = 99, min_reader = 99 WHERE kind = 'port'`);
  db.close();
  expect(() => open(actor('a', () => null))).toThrow(/written by a newer version/);
});

test('two thousand overdue deadlines all ring after a start', async () => {
  const rung = new Set<string>();
  const sleeper = actor('sleeper', (t, event) => {
    if (event.type === 'due') rung.add(t.self.name);
    else t.wake('d', t.now + 1_000);
    return null;
  });
  const host = open(sleeper);
  await Promise.all(Array.from({ length: 2_000 }, (_, n) => host.client.command(to('sleeper', `s${n}`), '', null)));
  const again = await reopen(sleeper);
  expect(rung.size).toBeLessThan(2_000);
  await again.start();
  await expect.poll(() => rung.size).toBe(2_000);
});

test('a deadline far beyond what memory holds rings at its time, also after a start', async () => {
  vi.useFakeTimers({ now: Date.now(), toFake: [...FAKED] });
  const at: number[] = [];
  const sleeper = actor('sleeper', (t, event) => {
    if (event.type === 'due') at.push(t.now);
    else t.wake('d', t.now + 3_600_000);
    return null;
  });
  let host = open(sleeper);
  await host.start();
  const set = Date.now();
  await host.client.command(to('sleeper', 'a'), '', null);
  await pass(30);
  vi.useRealTimers();
  await hosts.pop()!.stop();
  vi.useFakeTimers({
    now: set + 1_800_000,
    toFake: [...FAKED],
  });
  host = open(sleeper);
  await host.start();
  await pass(29);
  expect(at).toEqual([]);
  await pass(2);
  expect(at).toHaveLength(1);
  expect(at[0]! - set).toBeGreaterThanOrEqual(3_600_000);
  expect(at[0]! - set).toBeLessThan(3_660_000);
  vi.useRealTimers();
});

test('dead sockets are told before any mail flies, so that to every actor it is the first it hears', async () => {
  const told: { name: string; what: string }[] = [];
  const gossip = actor('gossip', (t, event) => {
    told.push({ name: t.self.name, what: event.type });
    if (event.type === 'closed') t.post(to('gossip', 'g599'), 'm', null, t.now + 60_000);
    return null;
  });
  open(gossip);
  await hosts.pop()!.stop();
  const names = Array.from({ length: 600 }, (_, n) => `gossip/g${n}`);
  for (const file of ['00', '01']) leaveSockets(file, names);
  const host = open(gossip);
  await host.start();
  await expect.poll(() => told.filter(({ what }) => what === 'command')).toHaveLength(600);
  expect(told.slice(0, 600).every(({ what }) => what === 'closed')).toBe(true);
  expect(new Set(told.slice(0, 600).map(({ name }) => name)).size).toBe(600);
});

/** What a process leaves that dies with a socket of each actor open. */
function leaveSockets(file: string, names: readonly string[]): void {
  const db = new DatabaseSync(join(folder, `actors-${file}.sqlite`));
  const insert = db.prepare(
    `INSERT INTO port_socket (actor, id, opened, tags, note) VALUES (?1, 's', 1, '[]', 'null')`,
  );
  db.exec('BEGIN');
  for (const name of names) insert.run(name);
  db.exec('COMMIT');
  db.close();
}

test('what a failed commit left behind is found by the next sweep: a socket nobody told of, a mail nobody sent', async () => {
  const told: string[] = [];
  const gossip = actor('gossip', (t, event) => (told.push(`${t.self.name} ${event.type}`), null));
  vi.useFakeTimers({ now: Date.now(), toFake: [...FAKED] });
  const host = open(gossip);
  await host.start();
  for (const file of ['00', '01']) {
    leaveSockets(file, ['gossip/a']);
    leaveMail(file, 'gossip/b', 'gossip/c');
  }
  await pass(4);
  expect(told).toEqual([]);
  await pass(2);
  vi.useRealTimers();
  await expect.poll(() => told.toSorted()).toEqual(['a closed', 'b answered', 'c command']);
});

function leaveMail(file: string, from: string, to: string): void {
  const db = new DatabaseSync(join(folder, `actors-${file}.sqlite`));
  const insert = `INSERT INTO port_outbox (actor, peer, number, key, body, until, retry_at) VALUES (?1, ?2, 1, 'm', 'null', ?3, 0)`;
  db.prepare(insert).run(from, to, Date.now() + 3_600_000);
  db.close();
}

test('when too much waits, newcomers are unavailable at once, and everybody who waited is answered', async () => {
  const host = open(actor('a', (t) => t.run(`INSERT OR IGNORE INTO a (actor, n) VALUES (?1, 1)`)));
  const answers = await Promise.all(Array.from({ length: 9_000 }, () => host.client.command(to('a', 'hot'), '', null)));
  const refused = answers.filter((answer) => !answer.ok).length;
  expect(refused).toBe(9_000 - 8_192);
  expect(faults).toEqual([]);
  expect(await host.client.command(to('a', 'hot'), '', null)).toMatchObject({ ok: true });
});

/** A server in this process whose every upgrade goes to the actor `a/one`. */
async function served(turn: Actor['turn'], more: Partial<Actor> = {}) {
  const host = open({ ...actor('a', turn), ...more });
  await host.start();
  const server = Deno.serve({ hostname: '127.0.0.1', port: 0, onListen: () => {} }, (request) =>
    host.client.upgrade(to('a', 'one'), request, { tags: [], body: 'hello', protocol: 'callsign' }),
  );
  const url = `127.0.0.1:${server.addr.port}`;
  const connect = () => new WebSocket(`ws://${url}`, ['callsign']);
  return { host, url, connect, close: () => server.shutdown() };
}

const once = <K extends keyof WebSocketEventMap>(socket: WebSocket, type: K) =>
  new Promise<WebSocketEventMap[K]>((resolve) => {
    socket.addEventListener(type, resolve, { once: true });
  });
const realTimeout = setTimeout;

/** By the real clock, also while a faked one stands. */
async function until(is: () => boolean): Promise<void> {
  while (!is()) await new Promise((resolve) => realTimeout(resolve, 1));
}

const closing = (socket: WebSocket) => once(socket, 'close');

test('a socket whose actor could not take its opening is closed with 1011', async () => {
  const { connect, close } = await served(() => {
    throw new Error('stumbled');
  });
  expect(await closing(connect())).toMatchObject({ code: 1011 });
  expect(faults.map((fault) => fault.type)).toEqual(['turn-failed']);
  await close();
});

test('what is not an upgrade is told so, and reaches no actor', async () => {
  const { url, close } = await served(() => {
    throw new Error('never');
  });
  expect((await fetch(`http://${url}`)).status).toBe(426);
  expect(faults).toEqual([]);
  await close();
});

test('an upgrade chooses its protocol, and a keep-alive counts as hearing the peer, without a turn', async () => {
  const heard: number[] = [];
  const turns: string[] = [];
  const { host, connect, close } = await served((t, event) => {
    turns.push(event.type);
    heard.push(...t.sockets().map((socket) => socket.heardAt));
    return null;
  });
  const socket = connect();
  const words: unknown[] = [];
  socket.addEventListener('message', (event) => words.push(event.data));
  await once(socket, 'open');
  await expect.poll(() => turns).toEqual(['opened']);
  expect(socket.protocol).toBe('callsign');
  const before = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 5));
  socket.send(PING);
  await expect.poll(() => words).toEqual(['pong']);
  await host.client.command(to('a', 'one'), '', null);
  expect(turns).toEqual(['opened', 'command']);
  expect(heard.at(-1)).toBeGreaterThan(before);
  const closed = closing(socket);
  socket.close();
  await closed;
  await expect.poll(() => turns).toEqual(['opened', 'command', 'closed']);
  await close();
});

test('a frame that can wait does so for a moment, and goes before the next that cannot', async () => {
  const heard: unknown[] = [];
  const { connect, close } = await served(
    (_, event) => {
      if (event.type === 'frame') heard.push(event.body);
      return null;
    },
    { canWait: (turn) => turn.type === 'frame' && turn.body === 'slow' },
  );
  const socket = connect();
  await once(socket, 'open');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  for (const word of ['slow', 'slow', 'quick']) socket.send(word);
  await until(() => heard.length === 3);
  expect(heard).toEqual(['slow', 'slow', 'quick']);
  socket.send('slow');
  await until(() => vi.getTimerCount() === 1);
  expect(heard).toHaveLength(3);
  await vi.advanceTimersByTimeAsync(10);
  await until(() => heard.length === 4);
  vi.useRealTimers();
  const closed = closing(socket);
  socket.close();
  await closed;
  await close();
});

test('a socket that its actor closed is no longer among its sockets, even before the peer answers', async () => {
  const left: number[] = [];
  const { host, connect, close } = await served((t, event) => {
    if (event.type === 'command') for (const socket of t.sockets()) socket.close(4001, 'replaced');
    left.push(t.sockets().length);
    return null;
  });
  const socket = connect();
  await once(socket, 'open');
  await expect.poll(() => left).toEqual([1]);
  const closed = closing(socket);
  await host.client.command(to('a', 'one'), '', null);
  await host.client.command(to('a', 'one'), '', null);
  expect(await closed).toMatchObject({ code: 4001, reason: 'replaced' });
  await expect.poll(() => left.toSorted((a, b) => a - b)).toEqual([0, 0, 1, 1]);
  await close();
});

test('a peer that is closed while it sends learns the code, and what it sent on is not heard', async () => {
  let frames = 0;
  const { connect, close } = await served((_, event) => {
    if (event.type === 'frame' && ++frames === 1) event.socket.close(4001, 'enough');
    return null;
  });
  const socket = connect();
  socket.addEventListener('open', () => {
    for (let n = 0; n < 4_096; n++) socket.send('x'.repeat(4_096));
  });
  expect(await closing(socket)).toMatchObject({ code: 4001, reason: 'enough' });
  expect(frames).toBeLessThan(4_096);
  await close();
});

test('a hint of a queue that rests is to be done after its rest, another at once', async () => {
  vi.useFakeTimers({ now: 1_000_000, toFake: ['Date'] });
  const hinting = actor('a', (t) => (t.hint('resting', 'k'), t.hint('hasty', 'k'), null));
  const host = openWith([hinting], () => undefined, new Map([['resting', 5_000]]));
  await host.client.command(to('a', 'one'), '', null);
  const db = new DatabaseSync(join(folder, 'actors-00.sqlite'), { readOnly: true });
  const kept = db.prepare(`SELECT queue, at FROM host_job ORDER BY queue`).all();
  db.close();
  expect(kept.map((row) => [row['queue'], row['at']])).toEqual([
    ['hasty', 1_000_000],
    ['resting', 1_005_000],
  ]);
});

test('an erased actor keeps no hint of its own, except one that its last turn gave', async () => {
  const looked: Json[] = [];
  const mortal = actor('mortal', (t, event) => {
    if (event.type === 'hinted') looked.push(event.key);
    if (event.type !== 'command') return null;
    if (event.key === 'die') t.erase();
    t.hint('q', event.key);
    return null;
  });
  const host = open(mortal);
  await host.client.command(to('mortal', 'a'), 'live', null);
  await host.client.command(to('mortal', 'a'), 'die', null);
  await host.start();
  await expect.poll(() => looked).toEqual(['die']);
});

/** A sender that posts on command and keeps what it was answered, and a receiver that passes one mail on. */
function chain(fails: () => boolean): { actors: Actor[]; answered: Json[] } {
  const answered: Json[] = [];
  const note = (t: Parameters<Actor['turn']>[0]) =>
    t.run(`INSERT INTO ${t.self.kind} (actor, n) VALUES (?1, 1) ON CONFLICT (actor) DO UPDATE SET n = n + 1`);
  const first = actor('first', (t, event) => {
    note(t);
    if (event.type === 'command') t.post(to('second', 'b'), 'k', null, t.now + 60_000);
    if (event.type === 'answered') answered.push(event.reply);
    return null;
  });
  const second = actor('second', (t, event) => {
    note(t);
    if (fails()) throw new Error('not now');
    if (event.type === 'command') t.post(to('third', 'c'), 'k', null, t.now + 60_000);
    return 'heard';
  });
  const third = actor('third', (t) => (note(t), null));
  const actors = [first, second, third].map((one) => ({
    ...one,
    admit: (arrival: { body?: unknown }) => arrival.body,
  }));
  return { actors, answered };
}

test('mail between actors of one file, and what it brings about, goes in the commit of the turn that posted it', async () => {
  let commits = 0;
  const { actors, answered } = chain(() => false);
  const host = openWith(actors, (point) => void (point === 'after-commit' && commits++));
  await host.start();
  const before = commits;
  await host.client.command(to('first', 'a'), '', null);
  expect(commits).toBe(before + 1);
  expect(answered).toEqual([{ ok: true, value: 'heard' }]);
});

test('a receiver that throws takes back only its own turn: the sender’s stands, and its mail comes again', async () => {
  let times = 0;
  const { actors, answered } = chain(() => ++times <= 2);
  const host = openWith(actors, () => undefined);
  await host.start();
  expect(await host.client.command(to('first', 'a'), '', null)).toEqual({ ok: true, value: null });
  await expect.poll(() => answered).toEqual([{ ok: true, value: 'heard' }]);
  expect(times).toBeGreaterThanOrEqual(3);
  expect(faults[0]).toMatchObject({ type: 'mail-deferred', key: 'k' });
});
