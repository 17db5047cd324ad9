import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { database } from '../../src/db/database.ts';
import { LocalD1 } from '../../src/hosts/deno/d1.ts';
import { applyMigrations } from '../../src/hosts/deno/migrations.ts';
import { Shard } from '../../src/hosts/deno/shard.ts';
import { repositories } from './repositories.ts';

const folder = mkdtempSync(join(tmpdir(), 'callsign-db-'));
const shard = new Shard(join(folder, 'd1.sqlite'));
applyMigrations(shard, 'migrations');

afterAll(() => {
  shard.close();
  rmSync(folder, { recursive: true });
});

repositories('the D1-shaped database of the Deno host', async () => database(new LocalD1(shard)));
