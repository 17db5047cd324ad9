import { env } from 'cloudflare:workers';
import type { D1Migration } from 'cloudflare:test';
import { expect, test } from 'vitest';

const { MIGRATIONS, SEEDED, PLANTED } = env as unknown as {
  MIGRATIONS: D1Migration[];
  SEEDED: D1Database;
  PLANTED: D1Database;
};

interface Column {
  readonly name: string;
  readonly type: string;
}

const ROWS = 3;

async function tables(db: D1Database): Promise<string[]> {
  const { results } = await db
    .prepare(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB 'sqlite_*' AND name NOT GLOB '_cf_*'`,
    )
    .all<{ name: string }>();
  return results.map(({ name }) => name);
}

async function counted(db: D1Database): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const table of await tables(db))
    counts.set(table, (await db.prepare(`SELECT COUNT(*) AS n FROM "${table}"`).first<number>('n')) ?? 0);
  return counts;
}

/** Three rows in every empty table. Texts are alike everywhere, so that foreign keys find their parents. */
async function seed(db: D1Database): Promise<void> {
  let waiting = [...(await counted(db))].filter(([, n]) => n === 0).map(([table]) => table);
  for (let round = 0; waiting.length > 0 && round < 10; round++) {
    const later: string[] = [];
    for (const table of waiting) {
      const { results: columns } = await db
        .prepare(`SELECT name, type FROM pragma_table_info('${table}')`)
        .all<Column>();
      const value = (type: string, row: number) =>
        /int/i.test(type) ? `${row}` : /blob/i.test(type) ? `x'0${row}'` : `'seed-${row}'`;
      const rows = Array.from(
        { length: ROWS },
        (_, row) => `(${columns.map(({ type }) => value(type, row)).join(', ')})`,
      );
      const names = columns.map(({ name }) => `"${name}"`).join(', ');
      try {
        await db.prepare(`INSERT INTO "${table}" (${names}) VALUES ${rows.join(', ')}`).run();
      } catch {
        later.push(table);
      }
    }
    waiting = later;
  }
  expect(waiting).toEqual([]);
}

/** Applies a migration as `wrangler d1 migrations apply` does: its statements in one batch. */
async function apply(db: D1Database, { queries }: D1Migration): Promise<void> {
  await db.batch(queries.map((query) => db.prepare(query)));
}

/** Tables that lost rows in some migration, each migration being applied to a database full of rows. */
async function losses(db: D1Database, migrations: readonly D1Migration[]): Promise<string[]> {
  const lost: string[] = [];
  for (const migration of migrations) {
    const before = await counted(db);
    await apply(db, migration);
    const after = await counted(db);
    for (const [table, rows] of before)
      if (after.get(table) !== rows)
        lost.push(`${migration.name}: ${table} had ${rows} rows and has ${after.get(table) ?? 'gone'}`);
    await seed(db);
  }
  return lost;
}

test('every migration keeps every row of a seeded database', async () => {
  expect(MIGRATIONS.length).toBeGreaterThan(0);
  expect(await losses(SEEDED, MIGRATIONS)).toEqual([]);
  for (const [table, rows] of await counted(SEEDED)) expect([table, rows]).toEqual([table, ROWS]);
});

test('no foreign key cascades', () => {
  expect(MIGRATIONS.flatMap(({ queries }) => queries).filter((query) => /cascade/i.test(query))).toEqual([]);
});

test('a generated rebuild of a table whose children cascade is found out by its lost rows', async () => {
  const planted: D1Migration[] = [
    {
      name: '0001_planted.sql',
      queries: [
        'CREATE TABLE parent (id text PRIMARY KEY NOT NULL, note text)',
        'CREATE TABLE child (id text PRIMARY KEY NOT NULL, parent text NOT NULL REFERENCES parent(id) ON DELETE CASCADE)',
      ],
    },
    {
      name: '0002_planted.sql',
      queries: [
        'PRAGMA foreign_keys=OFF',
        'CREATE TABLE __new_parent (id text PRIMARY KEY NOT NULL, note text NOT NULL)',
        'INSERT INTO __new_parent (id, note) SELECT id, note FROM parent',
        'DROP TABLE parent',
        'ALTER TABLE __new_parent RENAME TO parent',
        'PRAGMA foreign_keys=ON',
      ],
    },
  ];
  expect(await losses(PLANTED, planted)).toEqual(['0002_planted.sql: child had 3 rows and has 0']);
});
