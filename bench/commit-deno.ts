/**
 * Inside Deno: SQLite's own commits one by one, then turns of the host, alone and with 64 in flight, in the same folder.
 * Arguments: folder, seconds per figure. Prints one JSON object.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Actor } from '../src/actors/port.ts';
import { Host } from '../src/hosts/deno/host.ts';

const IN_FLIGHT = 64;
const [folder = '', seconds = '2'] = process.argv.slice(2);
const ms = Number(seconds) * 1_000;

/** One row per actor and turn: the least that is durable. */
const tally: Actor = {
  kind: 'tally',
  tables: ['tally'],
  schema: [
    { minReader: 1, sql: [`CREATE TABLE tally (actor TEXT NOT NULL PRIMARY KEY, n INTEGER NOT NULL) WITHOUT ROWID`] },
  ],
  admit: async (arrival) => arrival.body,
  turn: (t) => t.run(`INSERT INTO tally (actor, n) VALUES (?1, 1) ON CONFLICT (actor) DO UPDATE SET n = n + 1`),
};

async function perSecond(work: () => unknown): Promise<number> {
  const start = performance.now();
  let done = 0;
  for (; performance.now() - start < ms; done++) await work();
  return (done * 1_000) / (performance.now() - start);
}

async function raw(): Promise<number> {
  const db = new DatabaseSync(join(folder, 'raw.sqlite'));
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)`);
  const insert = db.prepare(`INSERT INTO t (n) VALUES (?1)`);
  const rate = await perSecond(() => insert.run(1));
  db.close();
  return rate;
}

async function turns(files: number, inFlight: number): Promise<number> {
  const path = join(folder, `host-${files}-${inFlight}`);
  mkdirSync(path);
  const host = new Host({ folder: path, files, actors: [tally], consumers: () => new Map(), report: console.error });
  await host.start();
  const one = async (name: string) => {
    const answer = await host.client.command({ kind: 'tally', name }, '', null);
    if (!answer.ok) throw new Error(answer.reason);
  };
  const rates = await Promise.all(Array.from({ length: inFlight }, (_, i) => perSecond(() => one(`t${i}`))));
  await host.stop();
  return rates.reduce((sum, rate) => sum + rate, 0);
}

const rawCommits = await raw();
const alone = await turns(1, 1);
const grouped = await turns(1, IN_FLIGHT);
const groupedIn16Files = await turns(16, IN_FLIGHT);
console.log(JSON.stringify({ rawCommits, alone, grouped, groupedIn16Files }));
process.exit(0);
