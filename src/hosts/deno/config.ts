import { resolve } from 'node:path';
import { directorySettings } from '../directory.ts';
import { accessOf, type Settings } from '../services.ts';
import { Refused } from './refused.ts';

/** Everything the operator decides, from the environment. */
export interface Config {
  /** CALLSIGN_DATA: the data folder, absolute. */
  readonly data: string;
  /** CALLSIGN_HOST: the address to listen on; the loopback unless said otherwise, because TLS ends in front of this process. */
  readonly hostname: string;
  /** CALLSIGN_PORT; 0 lets the system choose. */
  readonly port: number;
  /** JURISDICTION: part of the deployment's identity; object ids of the other host are made in it. */
  readonly jurisdiction: string;
  /** CALLSIGN_FILES: over how many files a new data folder spreads its actors (docs/decisions/0004-one-file-of-actors.md). */
  readonly files: number;
  /** TRUSTED_PROXIES: addresses whose X-Forwarded-For says where a request came from. */
  readonly proxies: readonly string[];
  /** DEPLOYMENT, ORIGIN, POLICY, ALLOWED_ORIGINS. */
  readonly settings: Settings;
}

/** TLS ends in front of this process, on the same machine unless the operator says otherwise. */
const LOOPBACK = '127.0.0.1 ::1';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Throws Refused with a sentence for the first setting that cannot be. */
export function readConfig(env: Environment): Config {
  return {
    data: resolve(text(env, 'CALLSIGN_DATA', './data', /^[^\0]{1,4096}$/, 'a folder')),
    hostname: text(env, 'CALLSIGN_HOST', '127.0.0.1', /^[0-9A-Za-z.:-]{1,253}$/, 'an address or a host name'),
    port: whole(env, 'CALLSIGN_PORT', 8787, 0, 65_535),
    jurisdiction: text(env, 'JURISDICTION', 'none', /^[a-z]{2,16}$/, '`none` or a name like `eu`'),
    files: whole(env, 'CALLSIGN_FILES', 1, 1, 256),
    proxies: words(env['TRUSTED_PROXIES'] ?? LOOPBACK),
    settings: settingsOf(env),
  };
}

function settingsOf(env: Environment): Settings {
  const environment = text(env, 'DEPLOYMENT', 'development', /^(development|production)$/, 'development or production');
  const port = whole(env, 'CALLSIGN_PORT', 8787, 0, 65_535);
  return {
    environment: environment as Settings['environment'],
    origin: text(env, 'ORIGIN', `http://127.0.0.1:${port}`, /^https?:\/\/[^/\s]+$/, 'a URL without a path'),
    policy: env['POLICY'] ?? (environment === 'development' ? 'development' : 'standard'),
    relyingParty: { id: env['RP_ID'] ?? null, origins: words(env['RP_ORIGINS']) },
    allowedOrigins: words(env['ALLOWED_ORIGINS']),
    jurisdiction: text(env, 'JURISDICTION', 'none', /^[a-z]{2,16}$/, '`none` or a name like `eu`'),
    anchors: words(env['ANCHORS']),
    lists: {
      mds: env['MDS_URL'] ?? null,
      androidStatus: env['ANDROID_STATUS_URL'] ?? null,
      hosts: words(env['LIST_HOSTS']),
    },
    outside: {
      pushHosts: words(env['PUSH_HOSTS']),
      pushContact: env['PUSH_CONTACT'] ?? null,
      iceUrls: words(env['ICE_URLS']),
    },
    access: accessOf(env['ACCESS_TEAM'], env['ACCESS_AUDIENCE']),
    directory: directorySettings(env),
    limits: env['LIMITS'] ?? '',
  };
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(' ').filter((word) => word !== '');
}

function text(env: Environment, name: string, otherwise: string, shape: RegExp, what: string): string {
  const value = env[name] ?? otherwise;
  if (!shape.test(value)) throw new Refused(`${name} must be ${what}; it is ${JSON.stringify(value)}.`);
  return value;
}

function whole(env: Environment, name: string, otherwise: number, from: number, to: number): number {
  const value = env[name] ?? String(otherwise);
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= from && number <= to))
    throw new Refused(`${name} must be a whole number from ${from} to ${to}; it is ${JSON.stringify(value)}.`);
  return number;
}
