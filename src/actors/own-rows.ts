import type { Json, Turn } from './port.ts';

/** What of a table its owner is given: columns by name, in the table's order. */
export type Exported = Readonly<Record<string, readonly string[]>>;

/** Rows of these tables, documents as documents. */
export function exported(t: Turn, tables: Exported): { [table: string]: Json } {
  return Object.fromEntries(
    Object.entries(tables).map(([table, columns]) => {
      const rows = t.all<Record<string, Json>>(`SELECT ${columns.join(', ')} FROM ${table} WHERE actor = ?1`);
      return [table, rows.map(readable)];
    }),
  );
}

/** JSON that was kept as text is given as JSON, so that a person can read it. */
function readable(row: Record<string, Json>): Json {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, opened(value)]));
}

function opened(value: Json): Json {
  if (typeof value !== 'string' || !/^[[{]/.test(value)) return value;
  try {
    return JSON.parse(value) as Json;
  } catch {
    return value;
  }
}
