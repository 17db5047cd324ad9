import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openRepositories } from '../../src/db/open.ts';
import type { Repositories } from '../../src/db/repositories.ts';
import { LocalD1 } from '../../src/hosts/deno/d1.ts';
import { applyMigrations } from '../../src/hosts/deno/migrations.ts';
import { Shard } from '../../src/hosts/deno/shard.ts';

/** A new database with every migration; gone after the file's tests. */
export function openDatabase(): Repositories {
  const folder = mkdtempSync(join(tmpdir(), 'callsign-jobs-'));
  const shard = new Shard(join(folder, 'd1.sqlite'));
  applyMigrations(shard, 'migrations');
  afterAll(() => {
    shard.close();
    rmSync(folder, { recursive: true });
  });
  return openRepositories(new LocalD1(shard));
}
