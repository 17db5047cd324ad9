/**
 * Serves the Worker of wrangler.toml in one workerd, without the development proxy: D1, queues, assets and objects as
 * Miniflare brings them, state in a folder, migrations applied. Prints one line of JSON when it answers:
 *   { url, direct }   `url` serves assets too; `direct` leads straight into the Worker, for load
 * See docs/decisions/0002-running-workerd.md. Ends with its process group.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import { unstable_getMiniflareWorkerOptions } from 'wrangler';

const { values } = parseArgs({
  options: {
    config: { type: 'string', default: 'wrangler.toml' },
    /** Another entry than the configuration's. */
    entry: { type: 'string' },
    state: { type: 'string' },
    port: { type: 'string', default: '0' },
    'direct-port': { type: 'string', default: '0' },
    /** Folder of static files, in place of the configuration's. */
    assets: { type: 'string' },
    /** NAME=VALUE: variables and secrets, over those of the configuration. */
    var: { type: 'string', multiple: true, default: [] },
  },
});

const NAME = 'callsign';

async function bundled(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'esnext',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    sourcemap: 'inline',
    logLevel: 'warning',
  });
  return outputFiles[0]!.text;
}

/** Secrets come by the environment, which other users of the machine cannot read. */
function fromEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      name.startsWith('CALLSIGN_') && value !== undefined ? [[name, value]] : [],
    ),
  );
}

interface Migrated {
  prepare(sql: string): { bind(...values: unknown[]): unknown; all(): Promise<{ results: { name: string }[] }> };
  batch(statements: unknown[]): Promise<unknown>;
}

/**
 * Miniflare lets go, in the Worker, of a statement that became garbage here, be it that the request which names it is still under
 * way: then the start fails. Each is kept until all was answered.
 */
const asked: unknown[] = [];
function kept<T>(statement: T): T {
  asked.push(statement);
  return statement;
}

/** As `wrangler d1 migrations apply` does, with its own table of what was applied. */
async function migrate(db: Migrated, folder: string): Promise<void> {
  const made = `CREATE TABLE IF NOT EXISTS d1_migrations (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`;
  await db.batch([kept(db.prepare(made))]);
  const { results } = await kept(db.prepare('SELECT name FROM d1_migrations')).all();
  const applied = new Set(results.map(({ name }) => name));
  for (const name of readdirSync(folder)
    .filter((file) => file.endsWith('.sql') && !applied.has(file))
    .toSorted()) {
    const statements = readFileSync(join(folder, name), 'utf8').split('--> statement-breakpoint');
    await db.batch([
      ...statements.map((sql) => kept(db.prepare(sql))),
      kept(kept(db.prepare('INSERT INTO d1_migrations (name) VALUES (?1)')).bind(name)),
    ]);
  }
  asked.length = 0;
}

const { workerOptions, main } = unstable_getMiniflareWorkerOptions(values.config);
const overrides = Object.fromEntries(
  values.var.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
);
const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    host: '127.0.0.1',
    port: Number(values.port),
    log: new Log(LogLevel.WARN),
    telemetry: { enabled: false },
    /** Nothing about the request is fetched from Cloudflare. */
    cf: false,
    ...(values.state !== undefined && { resourcePersistencePath: values.state }),
    workers: [
      {
        ...workerOptions,
        ...(values.assets !== undefined && {
          assets: { ...(workerOptions.assets as object), directory: values.assets },
        }),
        name: NAME,
        modules: [
          { type: 'ESModule', path: 'index.js', contents: await bundled(values.entry ?? main ?? 'src/index.ts') },
        ],
        bindings: { ...(workerOptions.bindings as Record<string, string>), ...fromEnvironment(), ...overrides },
        unsafeDirectSockets: [{ host: '127.0.0.1', port: Number(values['direct-port']) }],
      },
    ],
  }),
);
const url = await miniflare.ready;
await migrate(await miniflare.getD1Database('DB'), 'migrations');
const direct = await miniflare.unsafeGetDirectURL(NAME);
console.log(JSON.stringify({ url: url.origin, direct: direct.origin }));

process.once('SIGTERM', () => void miniflare.dispose().then(() => process.exit(0)));
