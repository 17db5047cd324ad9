/** npm run demo -- [--host workerd|deno] [--json]: the main job on this machine, from nothing to a call that was had. */
import { parseArgs } from 'node:util';
import { makeDevelopmentSecrets } from '../src/hosts/secrets.ts';
import { type HostName, type Server, startServer } from './server.ts';
import { tell, type Told } from './story.ts';
import { Timeline } from './timeline.ts';
import { type DemoTpm, startTpm, swtpmFound } from './tpm.ts';

const { values } = parseArgs({
  options: { host: { type: 'string', default: 'workerd' }, json: { type: 'boolean', default: false } },
});
if (values.host !== 'workerd' && values.host !== 'deno') {
  console.error('usage: npm run demo -- [--host workerd|deno] [--json]');
  process.exit(2);
}
const host: HostName = values.host;
const say = values.json ? () => undefined : (line: string) => console.log(line);

/** What must have come out; each sentence is a step that did not hold. */
function complaints(told: Told): string[] {
  const wrong: string[] = [];
  if (!told.sessionSecretEqual) wrong.push('the session secrets differ');
  if (told.srtp.received !== told.srtp.sent || told.srtp.authFailures > 0)
    wrong.push('media was lost or did not authenticate');
  if (told.legs.won !== 1 || told.legs.elsewhere !== 1) wrong.push('not exactly one leg won');
  if (told.history.some(({ outcome }) => outcome !== 'answered')) wrong.push('a history entry is wrong');
  return wrong;
}

const started = performance.now();
let server: Server | null = null;
let tpm: DemoTpm | null = null;
try {
  const timeline = new Timeline(say);
  if (swtpmFound()) tpm = await startTpm();
  else say('swtpm is not installed: every device uses the development attester (apt-get install swtpm shows a TPM).');
  server = await startServer(host, await makeDevelopmentSecrets(Date.now()), tpm ? { ANCHORS: tpm.anchor } : {});
  timeline.add('server ready', host, server.url);
  const told = await tell(server, timeline, tpm?.machine.tpm ?? null);
  const wrong = complaints(told);
  const seconds = Math.round((performance.now() - started) / 100) / 10;
  if (values.json)
    console.log(
      JSON.stringify({ host, ...told, steps: timeline.steps, guarantees: timeline.guarantees, seconds, wrong }),
    );
  else say(`\n${wrong.length === 0 ? `every step held, in ${seconds} s` : `failed: ${wrong.join('; ')}`}`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
} catch (error) {
  console.error(error);
  console.error(server?.log.slice(-20).join('\n') ?? '');
  process.exitCode = 1;
} finally {
  await server?.stop();
  await tpm?.machine.stop();
}
