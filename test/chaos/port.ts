/** `npm run chaos:port -- --rounds 200 --seed 1 --host workerd`: kills a real host at random moments; see rounds.ts. */
import { parseArgs } from 'node:util';
import { denoWorld } from '../port/deno-world.ts';
import { workerdWorld } from '../port/workerd-world.ts';
import { chaos } from './rounds.ts';

const HOSTS = { workerd: () => workerdWorld(), deno: () => denoWorld() };

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    host: { type: 'string', default: 'workerd' },
    json: { type: 'boolean', default: false },
  },
});
if (!Object.hasOwn(HOSTS, values.host)) throw new Error(`--host is one of ${Object.keys(HOSTS).join(', ')}`);

const began = performance.now();
const world = await HOSTS[values.host as keyof typeof HOSTS]();
try {
  const report = await chaos(world, Number(values.rounds), Number(values.seed));
  const { rounds, seed, counts, posts, wakes, mails, interrupted, violations } = report;
  const seconds = Math.round((performance.now() - began) / 1_000);
  if (values.json) console.log(JSON.stringify({ host: values.host, seconds, ...report }));
  else {
    console.log(`${rounds} times SIGKILL on ${values.host}, seed ${seed}, ${seconds} s`);
    for (const [what, { acknowledged, unknown }] of Object.entries({ counts, posts, wakes }))
      console.log(`${what}: ${acknowledged} acknowledged, ${unknown} unknown`);
    console.log(`${mails} mails committed; ${interrupted} rounds had mail on its way at the kill`);
    console.log(violations.length === 0 ? 'nothing lost, nothing twice, all in order' : violations.join('\n'));
  }
  process.exitCode = violations.length === 0 ? 0 : 1;
} finally {
  await world.stop();
}
