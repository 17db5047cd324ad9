/** Columns as wide as their widest cell; the last one runs on. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd(),
  );
}

/** ISO 8601 of milliseconds since 1970; a dash for none. */
export function time(at: number | null): string {
  return at === null ? '-' : new Date(at).toISOString();
}
