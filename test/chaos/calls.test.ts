import { expect, test } from 'vitest';
import { callChaos } from './call-rounds.ts';
import { watched } from './watched.ts';

test.each(['workerd', 'deno'] as const)(
  'calls while %s is killed, sockets are cut, frames come twice and late and answers never: none is answered twice, rings as a ghost, is lost, told wrongly or left over, and the feed has one end of each',
  async (host) => {
    const { server, feed } = await watched(host);
    try {
      const report = await callChaos(server, feed, { calls: 8, seed: 3, lanes: 2 });
      expect(report.complaints).toEqual([]);
      expect(report.calls).toBeGreaterThanOrEqual(8);
      expect(report.kills).toBeGreaterThan(0);
      expect(report.talked).toBeGreaterThan(0);
      expect(report.doubled + report.delayed).toBeGreaterThan(0);
    } finally {
      await server.stop();
    }
  },
);
