/** `npm run chaos -- --calls 200 --seed 1 --host workerd [--lanes 10] [--json]`: calls while the server is killed; see call-rounds.ts. */
import { parseArgs } from 'node:util';
import type { HostName } from '../../demo/server.ts';
import { callChaos } from './call-rounds.ts';
import { watched } from './watched.ts';

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    host: { type: 'string', default: 'workerd' },
    lanes: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
});
if (values.host !== 'workerd' && values.host !== 'deno') throw new Error('--host is workerd or deno');
const host: HostName = values.host;

const began = performance.now();
const { server, feed } = await watched(host);
try {
  const report = await callChaos(server, feed, {
    calls: Number(values.calls),
    seed: Number(values.seed),
    lanes: Number(values.lanes),
    log: (line) => process.stderr.write(`${Math.round((performance.now() - began) / 1_000)} s: ${line}\n`),
  });
  const seconds = Math.round((performance.now() - began) / 1_000);
  if (values.json) console.log(JSON.stringify({ host, seconds, ...report }));
  else {
    const { complaints, ...counts } = report;
    console.log(`${host}, ${seconds} s: ${JSON.stringify(counts)}`);
    console.log(complaints.length === 0 ? 'nothing lost, nothing twice, nothing stuck' : complaints.join('\n'));
  }
  process.exitCode = report.complaints.length === 0 ? 0 : 1;
} finally {
  await server.stop();
}
