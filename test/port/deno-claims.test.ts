import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Host } from '../../src/hosts/deno/host.ts';
import { actors } from '../actors/people.ts';
import { claims } from './claims.ts';

claims('the Deno host', 10_000, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'callsign-claims-'));
  const host = new Host({
    folder,
    files: 1,
    actors,
    consumers: () => new Map(),
    report: (fault) => {
      throw new Error(JSON.stringify(fault));
    },
  });
  await host.start();
  return {
    command: (to, key, body) => host.client.command(to, key, body),
    async close() {
      await host.stop();
      rmSync(folder, { recursive: true });
    },
  };
});
