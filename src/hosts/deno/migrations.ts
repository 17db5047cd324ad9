import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Shard } from './shard.ts';

/** The same table that `wrangler d1 migrations apply` keeps, so that a database may move between the hosts. */
const APPLIED = `CREATE TABLE IF NOT EXISTS d1_migrations (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`;

/** Applies what is missing, in the order of the files' numbers, each in a transaction of its own. Returns their names. */
export function applyMigrations(shard: Shard, folder: string): string[] {
  shard.now((store) => store.run(APPLIED, []));
  const rows = shard.now((store) => store.all<{ name: string }>(`SELECT name FROM d1_migrations`, []));
  const applied = new Set(rows.map((row) => row.name));
  const missing = files(folder).filter((name) => !applied.has(name));
  for (const name of missing) apply(shard, name, readFileSync(join(folder, name), 'utf8'));
  return missing;
}

function files(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || (a < b ? -1 : 1));
}

function apply(shard: Shard, name: string, sql: string): void {
  try {
    shard.now((store) => {
      store.script(sql);
      store.run(`INSERT INTO d1_migrations (name) VALUES (?1)`, [name]);
    });
  } catch (error) {
    throw new Error(`migration ${name} failed and left nothing`, { cause: error });
  }
}
