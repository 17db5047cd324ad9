/** The suite on Node, and by vitest.deno.config.ts on Deno; its devices keep their state in memory or in encrypted files. */
import { mkdtempSync, rmSync } from 'node:fs';
import * as fs from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { memoryStore, webCrypto } from '../../src/sdk/index.ts';
import { fileStore } from '../../src/sdk/stores/file.ts';
import { nobleCrypto } from '../../src/sdk/crypto/noble.ts';
import { cases } from './suite/cases.ts';
import type { Ground } from './suite/cast.ts';
import { deploy, type Deployment } from './suite/server.ts';

const folder = mkdtempSync(join(tmpdir(), 'callsign-suite-'));
let deployed: Deployment;
let files = 0;

beforeAll(async () => {
  deployed = await deploy();
});

afterAll(async () => {
  await deployed?.server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const ground = (): Pick<Ground, 'origin' | 'deployment' | 'root'> => ({
  origin: deployed.server.url,
  deployment: deployed.deployment,
  root: deployed.root,
});

describe('with WebCrypto, in memory', () => {
  it.each(cases.map((each) => [each.name, each] as const))('%s', async (_, { run }) => {
    await run({ ...ground(), crypto: () => webCrypto(), store: async () => memoryStore() });
  });
});

describe('without crypto.subtle, in files', () => {
  const store = () =>
    fileStore({
      fs,
      path: join(folder, `device-${++files}`),
      key: crypto.getRandomValues(new Uint8Array(32)),
      crypto: nobleCrypto(),
    });
  const chosen = cases.filter(({ name }) => /from its store|same keys|secrets|seized/.test(name));
  it.each(chosen.map((each) => [each.name, each] as const))('%s', async (_, { run }) => {
    await run({ ...ground(), crypto: () => nobleCrypto(), store });
  });
});
