/**
 * The probe actor on the Deno host, in a process of its own, with a control face for test/port/deno-world.ts.
 * Arguments: data folder, the weather as JSON, and a planted bug or nothing. Prints its port when it serves.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Json } from '../../src/actors/port.ts';
import { openFolder } from '../../src/hosts/deno/folder.ts';
import { Host } from '../../src/hosts/deno/host.ts';
import { probe } from './probe.ts';
import type { Weather } from './world.ts';

const [path = '', sky = '{"lost":0,"unanswered":0,"twice":0}', plant = ''] = process.argv.slice(2);
let weather = JSON.parse(sky) as Weather;
/** The process ends at the labelled point of the commit that many commits from now. */
let fatal: { point: string; after: number } | null = null;

if (plant === 'answer-before-commit') answerBeforeCommit();

const folder = openFolder(path, { jurisdiction: 'none', newFiles: 16 });
const host = new Host({
  folder: path,
  files: folder.deployment.files,
  actors: [probe],
  consumers: (actors) =>
    new Map([
      [
        'hints',
        async (hint) =>
          (await actors.hinted(hint.actor, 'hints', hint.key)).ok ? { done: true } : { done: false, retryAfterMs: 100 },
      ],
    ]),
  report: (fault) => console.error(JSON.stringify(fault)),
  network,
  // Half of the mail goes in its sender's commit; what flies meets the weather.
  together: () => weather.lost < 1 && Math.random() < 0.5,
  at(point) {
    if (fatal?.point === point && --fatal.after < 0) process.kill(process.pid, 'SIGKILL');
  },
});

type Prepare = (this: DatabaseSync, sql: string) => StatementSync;

/** Three of four commits are only said to have happened: their turns are answered, and become durable with the next. */
function answerBeforeCommit(): void {
  const prepare: Prepare = Reflect.get(DatabaseSync.prototype, 'prepare');
  let commits = 0;
  DatabaseSync.prototype.prepare = function (this: DatabaseSync, sql: string) {
    const statement = prepare.call(this, sql);
    const run = statement.run.bind(statement);
    const skipped = { changes: 0, lastInsertRowid: 0 };
    if (sql === 'COMMIT') statement.run = () => (++commits % 4 === 0 ? run() : skipped);
    if (sql === 'BEGIN IMMEDIATE') statement.run = () => (this.isTransaction ? skipped : run());
    return statement;
  };
}

async function network(deliver: () => Promise<Json>): Promise<Json> {
  if (Math.random() < weather.lost) throw new Error('lost on the way');
  const reply = Math.random() < weather.twice ? (await Promise.all([deliver(), deliver()]))[0] : await deliver();
  if (Math.random() < weather.unanswered) throw new Error('its answer was lost');
  return reply;
}

interface Call {
  readonly name: string;
  readonly key: string;
  readonly said: Json;
  readonly queue: string;
  readonly weather: Weather;
  readonly fatal: { point: string; after: number };
}

async function control(request: Request): Promise<Response> {
  const url = new URL(request.url);
  if (url.pathname === '/socket') {
    const { name, tags, said } = JSON.parse(url.searchParams.get('open')!) as {
      name: string;
      tags: string[];
      said: Json;
    };
    return host.client.upgrade({ kind: 'probe', name }, request, { tags, body: said });
  }
  const call = (await request.json()) as Call;
  const to = { kind: 'probe', name: call.name };
  switch (url.pathname) {
    case '/command':
      return Response.json(await host.client.command(to, call.key, call.said));
    case '/hinted':
      return Response.json(await host.client.hinted(to, call.queue, call.key));
    case '/weather':
      weather = call.weather;
      return Response.json(null);
    case '/fatal':
      fatal = call.fatal;
      return Response.json(null);
    default:
      return new Response(null, { status: 404 });
  }
}

await host.start();
const server = Deno.serve(
  { hostname: '127.0.0.1', port: 0, onListen: ({ port }) => console.log(`serving ${port}`) },
  control,
);
async function stop(): Promise<void> {
  await host.partFromSockets();
  await Promise.all([server.shutdown(), host.stop()]);
  folder.release();
  process.exit(0);
}
process.on('SIGTERM', () => void stop());
