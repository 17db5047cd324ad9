import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { blob, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LocalD1 } from './d1.ts';
import { applyMigrations } from './migrations.ts';
import { Shard } from './shard.ts';

const owner = sqliteTable('owner', { id: text('id').primaryKey(), name: text('name').notNull() });
const thing = sqliteTable('thing', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  owner: text('owner').references(() => owner.id),
  name: text('name').notNull(),
  bytes: blob('bytes', { mode: 'buffer' }),
});

let folder = '';
let shard: Shard;
let d1: LocalD1;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'callsign-d1-'));
  mkdirSync(join(folder, 'migrations'));
  migration('0000_owner.sql', `CREATE TABLE owner (id TEXT PRIMARY KEY, name TEXT NOT NULL);`);
  migration(
    '0001_thing.sql',
    `CREATE TABLE thing (id INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT REFERENCES owner(id), name TEXT NOT NULL, bytes BLOB);
--> statement-breakpoint
CREATE INDEX thing_owner ON thing (owner);`,
  );
  shard = new Shard(join(folder, 'd1.sqlite'));
  applyMigrations(shard, join(folder, 'migrations'));
  d1 = new LocalD1(shard);
});

afterEach(() => {
  shard.close();
  rmSync(folder, { recursive: true });
});

const migration = (name: string, text: string) => writeFileSync(join(folder, 'migrations', name), text);
const database = () => drizzle(d1 as never);
const names = async () => (await d1.prepare(`SELECT name FROM owner ORDER BY id`).raw()).flat();

test('drizzle reads back what it wrote, with bytes, defaults and joined columns of one name', async () => {
  const db = database();
  await db.insert(owner).values({ id: 'a', name: 'Ada' });
  const made = await db
    .insert(thing)
    .values({ owner: 'a', name: 'key', bytes: Buffer.from([0, 255]) })
    .returning();
  expect(made).toEqual([{ id: 1, owner: 'a', name: 'key', bytes: Buffer.from([0, 255]) }]);
  const joined = await db.select().from(thing).innerJoin(owner, eq(thing.owner, owner.id)).get();
  expect([joined?.thing.name, joined?.owner.name]).toEqual(['key', 'Ada']);
  expect(await db.get(sql`SELECT COUNT(*) AS n FROM ${thing}`)).toEqual({ n: 1 });
});

test('outside drizzle, bytes come back as numbers, as D1 gives them, and go in again as they came', async () => {
  await d1
    .prepare(`INSERT INTO thing (name, bytes) VALUES ('x', ?1)`)
    .bind(new Uint8Array([1, 2]).buffer)
    .run();
  const bytes = await d1.prepare(`SELECT bytes FROM thing`).first('bytes');
  expect(bytes).toEqual([1, 2]);
  await d1.prepare(`UPDATE thing SET bytes = ?1`).bind(bytes).run();
  expect(await d1.prepare(`SELECT hex(bytes) AS h FROM thing`).first('h')).toBe('0102');
});

test('a batch is all or nothing, and says what each statement changed', async () => {
  const insert = (id: string) => d1.prepare(`INSERT INTO owner VALUES (?1, ?1)`).bind(id);
  const done = await d1.batch([insert('a'), insert('b'), d1.prepare(`UPDATE owner SET name = 'both'`)]);
  expect(done.map(({ meta }) => meta.changes)).toEqual([1, 1, 2]);
  await expect(d1.batch([insert('c'), insert('a')])).rejects.toThrow(
    /^D1_ERROR: UNIQUE constraint failed: owner\.id: SQLITE_CONSTRAINT$/,
  );
  expect(await names()).toEqual(['both', 'both']);
});

test('a drizzle batch with a failing guard leaves nothing', async () => {
  const db = database();
  await db.insert(owner).values({ id: 'a', name: 'Ada' });
  const attempt = db.batch([
    db.insert(owner).values({ id: 'b', name: 'Bob' }),
    db.insert(owner).values({ id: 'a', name: 'again' }),
  ]);
  await expect(attempt).rejects.toMatchObject({ message: expect.stringContaining('UNIQUE constraint failed') });
  expect(await names()).toEqual(['Ada']);
});

test('of a hundred that consume one challenge, one does', async () => {
  const results = await Promise.allSettled(
    Array.from({ length: 100 }, (_, n) => d1.prepare(`INSERT INTO owner VALUES ('challenge', ?1)`).bind(`${n}`).run()),
  );
  expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
});

test('what D1 refuses is refused here: too many binds, undefined, other types, foreign keys', async () => {
  expect(() => d1.prepare('SELECT 1').bind(...Array.from({ length: 101 }, () => 1))).toThrow(/too many SQL variables/);
  expect(() => d1.prepare('SELECT ?1').bind(undefined)).toThrow(/D1_TYPE_ERROR/);
  expect(() => d1.prepare('SELECT ?1').bind(1n)).toThrow(/D1_TYPE_ERROR/);
  const orphan = d1.prepare(`INSERT INTO thing (owner, name) VALUES ('nobody', 'x')`).run();
  await expect(orphan).rejects.toThrow(/FOREIGN KEY constraint failed/);
  await expect(d1.prepare('SELECT nonsense FROM nowhere').all()).rejects.toThrow(/^D1_ERROR: no such table/);
});

test('booleans are bound as 1 and 0, and first() of nothing is null', async () => {
  expect(await d1.prepare(`SELECT ?1 AS yes, ?2 AS no`).bind(true, false).first()).toEqual({ yes: 1, no: 0 });
  expect(await d1.prepare(`SELECT 1 WHERE 0`).first()).toBeNull();
});

test('migrations are applied once each, in the order of their numbers, under the names that wrangler keeps', async () => {
  migration('0010_later.sql', `ALTER TABLE owner ADD COLUMN ten TEXT`);
  migration('0009_sooner.sql', `ALTER TABLE owner ADD COLUMN nine TEXT`);
  expect(applyMigrations(shard, join(folder, 'migrations'))).toEqual(['0009_sooner.sql', '0010_later.sql']);
  expect(applyMigrations(shard, join(folder, 'migrations'))).toEqual([]);
  const rows = await d1.prepare(`SELECT id, name FROM d1_migrations ORDER BY id`).raw();
  expect(rows).toEqual([
    [1, '0000_owner.sql'],
    [2, '0001_thing.sql'],
    [3, '0009_sooner.sql'],
    [4, '0010_later.sql'],
  ]);
});

test('a migration that fails names itself and leaves nothing of its steps', async () => {
  migration('0002_broken.sql', `CREATE TABLE half (id TEXT); CREATE TABLE owner (id TEXT);`);
  expect(() => applyMigrations(shard, join(folder, 'migrations'))).toThrow('migration 0002_broken.sql failed');
  await expect(d1.prepare('SELECT * FROM half').all()).rejects.toThrow(/no such table/);
  expect(await d1.prepare(`SELECT COUNT(*) AS n FROM d1_migrations`).first('n')).toBe(2);
});
