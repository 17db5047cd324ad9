import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import type { Actors } from '../../src/actors/port.ts';
import { MIGRATIONS } from '../../src/db/migrations.ts';
import { openRepositories } from '../../src/db/open.ts';
import { LocalD1 } from '../../src/hosts/deno/d1.ts';
import { applyMigrations } from '../../src/hosts/deno/migrations.ts';
import { Shard } from '../../src/hosts/deno/shard.ts';
import { makeDevelopmentSecrets, type Secrets } from '../../src/hosts/secrets.ts';
import { composeServices, type Settings } from '../../src/hosts/services.ts';

const folder = mkdtempSync(join(tmpdir(), 'callsign-identity-'));
const table = new Shard(join(folder, 'd1.sqlite'));
applyMigrations(table, 'migrations');
const db = openRepositories(new LocalD1(table));

const settings: Settings = {
  environment: 'development',
  origin: 'http://127.0.0.1:8787',
  policy: 'development',
  relyingParty: { id: null, origins: [] },
  allowedOrigins: [],
  jurisdiction: 'none',
  anchors: [],
  lists: { mds: null, androidStatus: null, hosts: [] },
  access: null,
  directory: {},
  outside: { pushHosts: [], pushContact: null, iceUrls: [] },
};
const ground = { actors: {} as Actors, db, clientAddress: () => null, log: () => undefined, ready: async () => [] };
let secrets: Secrets;

beforeAll(async () => {
  secrets = await makeDevelopmentSecrets(Date.now());
  await composeServices(settings, secrets, ground);
});
afterAll(() => {
  table.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('a deployment', () => {
  it('starts again as itself', async () => {
    const { deployment } = await composeServices(settings, secrets, ground);
    expect(await db.identity({ deployment: 'another', jurisdiction: 'eu' })).toEqual({
      deployment: deployment.id,
      jurisdiction: 'none',
    });
  });

  it('refuses to start in another jurisdiction, in a sentence', async () => {
    await expect(composeServices({ ...settings, jurisdiction: 'eu' }, secrets, ground)).rejects.toThrow(
      /JURISDICTION is eu, but this deployment was made in none/,
    );
  });

  it('refuses to start with another deployment’s secrets, in a sentence', async () => {
    const others = await makeDevelopmentSecrets(Date.now());
    await expect(composeServices(settings, others, ground)).rejects.toThrow(/this database belongs to/);
  });

  it('whose database has no tables is live, says that its migrations are missing, and compares once they ran', async () => {
    const bare = new Shard(join(folder, 'bare.sqlite'));
    const empty = openRepositories(new LocalD1(bare));
    const ready = async () =>
      (await empty.pendingMigrations().catch(() => MIGRATIONS)).length > 0 ? ['migrations'] : [];
    const services = await composeServices(settings, secrets, { ...ground, db: empty, ready });
    const app = createApp(() => services);
    expect((await app.request('/healthz')).status).toBe(200);
    const refused = await app.request('/readyz');
    expect(refused.status).toBe(503);
    expect(await refused.json()).toMatchObject({ reason: 'not-ready', missing: ['migrations'] });
    applyMigrations(bare, 'migrations');
    expect(await services.ready()).toEqual(['migrations']);
    expect(await (await composeServices(settings, secrets, { ...ground, db: empty, ready })).ready()).toEqual([]);
    bare.close();
  });

  it('is not ready while any migration it stands on is missing, the last one included', async () => {
    expect(
      readdirSync('migrations')
        .filter((name) => name.endsWith('.sql'))
        .toSorted(),
    ).toEqual([...MIGRATIONS]);
    const partly = new Shard(join(folder, 'partly.sqlite'));
    const half = openRepositories(new LocalD1(partly));
    applyMigrations(partly, 'migrations');
    expect(await half.pendingMigrations()).toEqual([]);
    partly.now((store) => store.run(`DELETE FROM d1_migrations WHERE name = ?1`, [MIGRATIONS.at(-1)!]));
    expect(await half.pendingMigrations()).toEqual([MIGRATIONS.at(-1)]);
    partly.close();
  });

  it('of production refuses development secrets, development policy and further anchors', async () => {
    const production = { ...settings, environment: 'production', policy: 'standard' } as const;
    await expect(composeServices(production, secrets, ground)).rejects.toThrow(/made for development/);
    const { CALLSIGN_CA } = secrets;
    await expect(composeServices(production, { CALLSIGN_CA }, ground)).rejects.toThrow(/CALLSIGN_KEYS is not set/);
  });
});
