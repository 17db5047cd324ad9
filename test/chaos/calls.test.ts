import { expect, test } from 'vitest';
import { startServer } from '../../demo/server.ts';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import { callChaos } from './call-rounds.ts';

test.each(['workerd', 'deno'] as const)(
  'calls while %s is killed and sockets are cut: none is answered twice, rings as a ghost, is lost, told wrongly or left over',
  async (host) => {
    const server = await startServer(host, await makeDevelopmentSecrets(Date.now()), {});
    try {
      const report = await callChaos(server, { calls: 8, seed: 3, lanes: 2 });
      expect(report.complaints).toEqual([]);
      expect(report.calls).toBeGreaterThanOrEqual(8);
      expect(report.kills).toBeGreaterThan(0);
      expect(report.talked).toBeGreaterThan(0);
    } finally {
      await server.stop();
    }
  },
  240_000,
);
