import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { PATIENCE_MS } from '../support/patience.ts';

test('the migrations say what the schema says: generating writes nothing new', () => {
  const folder = mkdtempSync(join(tmpdir(), 'callsign-drift-'));
  try {
    for (const name of ['drizzle.config.ts', 'src/db', 'migrations', 'package.json'])
      cpSync(name, join(folder, name), { recursive: true });
    symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'));
    const said = execFileSync(join(process.cwd(), 'node_modules/.bin/drizzle-kit'), ['generate', '--name', 'drift'], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 2 * PATIENCE_MS,
    });
    expect(said).toContain('No schema changes');
    expect(readdirSync(join(folder, 'migrations'))).toEqual(readdirSync('migrations'));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
