import { directorySettings } from '../directory.ts';
import type { Secrets } from '../secrets.ts';
import { accessOf, type Settings } from '../services.ts';
import type { Namespace, Ways } from './ways.ts';

/** Everything the platform gives this deployment, checked. */
export interface Bindings extends Ways {
  readonly settings: Settings;
  /** Checked where they are opened. */
  readonly secrets: Partial<Secrets>;
  readonly db: D1Database;
  readonly assets: Fetcher;
}

/** The deployment cannot start; each sentence says what is missing and where it belongs. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

const JURISDICTIONS = new Map<string, DurableObjectJurisdiction | null>([
  ['none', null],
  ['eu', 'eu'],
  ['us', 'us'],
  ['fedramp', 'fedramp'],
  ['fedramp-high', 'fedramp-high'],
]);

/** What each binding is for, in the words of the sentence about its absence; `method` tells a right one from a wrong one. */
const NEEDED = {
  DB: { what: 'a D1 database for handles, challenges and indexes', table: '[[d1_databases]]', method: 'batch' },
  ASSETS: { what: 'the folder of static pages', table: '[assets]', method: 'fetch' },
  ACCOUNT: {
    what: 'the Durable Object class AccountActor',
    table: '[[durable_objects.bindings]]',
    method: 'idFromName',
  },
  DEVICE: { what: 'the Durable Object class DeviceActor', table: '[[durable_objects.bindings]]', method: 'idFromName' },
  CALL: { what: 'the Durable Object class CallActor', table: '[[durable_objects.bindings]]', method: 'idFromName' },
  INVITATIONS: { what: 'the queue of invitation hints', table: '[[queues.producers]]', method: 'send' },
  WAKEUPS: { what: 'the queue of push wake-up hints', table: '[[queues.producers]]', method: 'send' },
  WARNINGS: { what: 'the queue of hints that handles are to be warned', table: '[[queues.producers]]', method: 'send' },
  EVENTS: { what: 'the queue of hints that events wait to be shipped', table: '[[queues.producers]]', method: 'send' },
} as const;

function has(binding: unknown, method: string): boolean {
  return typeof (binding as Record<string, unknown> | null | undefined)?.[method] === 'function';
}

/** Sentences about everything that is missing or wrong; none when the deployment can start. */
function complaints(env: Readonly<Record<string, unknown>>): string[] {
  const found = Object.entries(NEEDED)
    .filter(([name, { method }]) => !has(env[name], method))
    .map(([name, { what, table }]) => `${name} is not bound: wrangler.toml must bind ${what} under ${table}.`);
  if (env['DEPLOYMENT'] !== 'development' && env['DEPLOYMENT'] !== 'production')
    found.push('DEPLOYMENT is not set: [vars] must say development or production.');
  if (!JURISDICTIONS.has(String(env['JURISDICTION'])))
    found.push(`JURISDICTION is not set: [vars] must say one of ${[...JURISDICTIONS.keys()].join(', ')}.`);
  if (!URL.canParse(String(env['ORIGIN'])) || String(env['ORIGIN']).endsWith('/'))
    found.push('ORIGIN is not set: [vars] must say the public URL of this deployment, without a slash at its end.');
  return found;
}

function settingsOf(env: Readonly<Record<string, unknown>>): Settings {
  const text = (name: string, otherwise: string) => (typeof env[name] === 'string' ? env[name] : otherwise);
  /** [vars] may hold a table, which arrives as an object. */
  const document = (name: string, otherwise: string) => {
    const value = env[name];
    return typeof value === 'object' && value !== null ? JSON.stringify(value) : text(name, otherwise);
  };
  const given = (name: string) => (typeof env[name] === 'string' ? env[name] : undefined);
  const words = (name: string) =>
    text(name, '')
      .split(' ')
      .filter((word) => word !== '');
  return {
    environment: env['DEPLOYMENT'] as Settings['environment'],
    origin: text('ORIGIN', ''),
    policy: document('POLICY', 'standard'),
    relyingParty: { id: text('RP_ID', '') || null, origins: words('RP_ORIGINS') },
    allowedOrigins: words('ALLOWED_ORIGINS'),
    jurisdiction: text('JURISDICTION', 'none'),
    anchors: words('ANCHORS'),
    lists: {
      mds: text('MDS_URL', '') || null,
      androidStatus: text('ANDROID_STATUS_URL', '') || null,
      hosts: words('LIST_HOSTS'),
    },
    outside: {
      pushHosts: words('PUSH_HOSTS'),
      pushContact: text('PUSH_CONTACT', '') || null,
      iceUrls: words('ICE_URLS'),
    },
    access: accessOf(given('ACCESS_TEAM'), given('ACCESS_AUDIENCE')),
    directory: directorySettings(env),
    limits: text('LIMITS', ''),
  };
}

function secretsOf(env: Readonly<Record<string, unknown>>): Partial<Secrets> {
  const names = ['CALLSIGN_CA', 'CALLSIGN_KEYS', 'CALLSIGN_DEVELOPMENT', 'CALLSIGN_PUSH', 'CALLSIGN_TURN'] as const;
  return Object.fromEntries(names.flatMap((name) => (typeof env[name] === 'string' ? [[name, env[name]]] : [])));
}

export function bindings(given: object): Bindings {
  const env = given as Readonly<Record<string, unknown>>;
  const found = complaints(env);
  if (found.length > 0) throw new ConfigurationError(found.join(' '));
  return {
    settings: settingsOf(env),
    secrets: secretsOf(env),
    jurisdiction: JURISDICTIONS.get(String(env['JURISDICTION']))!,
    db: env['DB'] as D1Database,
    assets: env['ASSETS'] as Fetcher,
    namespaces: new Map([
      ['account', env['ACCOUNT'] as Namespace],
      ['device', env['DEVICE'] as Namespace],
      ['call', env['CALL'] as Namespace],
    ]),
    queues: new Map([
      ['invitations', env['INVITATIONS'] as Queue],
      ['wakeups', env['WAKEUPS'] as Queue],
      ['warnings', env['WARNINGS'] as Queue],
      ['events', env['EVENTS'] as Queue],
    ]),
  };
}
