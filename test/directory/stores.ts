/** What stands in the SQLite files of a server that was killed: D1's and those of its actors, by table. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface StoredRow {
  readonly table: string;
  /** Every value of the row; bytes as Latin-1. */
  readonly text: string;
}

export function storedRows(folder: string): StoredRow[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.sqlite'));
  return files.flatMap((name) => rowsOf(join(folder, name)));
}

function rowsOf(file: string): StoredRow[] {
  const db = new DatabaseSync(file);
  try {
    const tables = db.prepare(`SELECT name FROM sqlite_master WHERE type = 'table'`).all() as { name: string }[];
    return tables.flatMap(({ name: table }) => {
      const all = db.prepare(`SELECT * FROM "${table}"`);
      all.setReadBigInts(true);
      return all.all().map((row) => ({ table, text: Object.values(row).map(plain).join('\n') }));
    });
  } finally {
    db.close();
  }
}

function plain(value: unknown): string {
  return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value);
}

/** The tables in which a text stands, each once. */
export function naming(rows: readonly StoredRow[], text: string): string[] {
  return [...new Set(rows.filter((row) => row.text.includes(text)).map(({ table }) => table))].toSorted();
}
