import { createLocalJWKSet, createRemoteJWKSet, type JSONWebKeySet } from 'jose';
import { fromBase64 } from '../bytes/base64.ts';
import { type HandleKind, readHandle } from '../directory/handle/canonical.ts';
import type { CodeMessage, CodeSender, DirectoryRules } from '../http/services.ts';
import type { OidcIssuer } from '../http/oidc.ts';
import { type CodeApi, type CodeRoad, contentType, filled, sendThrough } from './code-api.ts';
import { HANDLE_QUARANTINE_MS } from '../protocol/handle.ts';
import { SecretsError } from './secrets.ts';

/** Settings of the directory, as text, by their names. Those of APIs hold credentials: on Cloudflare they are secrets. */
export const DIRECTORY_SETTINGS = [
  'HANDLE_KINDS',
  'EMAIL_API_URL',
  'EMAIL_API_HEADERS',
  'EMAIL_API_BODY',
  'EMAIL_API_WARNING',
  'EMAIL_API_SECRET',
  'SMS_API_URL',
  'SMS_API_HEADERS',
  'SMS_API_BODY',
  'SMS_API_WARNING',
  'SMS_API_SECRET',
  'OIDC_ISSUERS',
  'TEST_HANDLES',
  'CODES_PER_ACCOUNT',
  'CODES_PER_HANDLE',
  'CODES_PER_DAY',
  'LOOKUPS_PER_MINUTE',
  'LOOKUPS_PER_DAY',
  'LOOKUPS_PER_DAY_NEW',
  'NEW_ACCOUNT_DAYS',
  'HANDLE_QUARANTINE_DAYS',
] as const;

type Name = (typeof DIRECTORY_SETTINGS)[number];
export type DirectorySettings = { readonly [name in Name]?: string };

export function directorySettings(env: Readonly<Record<string, unknown>>): DirectorySettings {
  const given = DIRECTORY_SETTINGS.flatMap((name) => (typeof env[name] === 'string' ? [[name, env[name]]] : []));
  return Object.fromEntries(given) as DirectorySettings;
}

const DAY_MS = 86_400_000;
const MOST_TEST_HANDLES = 20;
const APIS = { phone: 'SMS', email: 'EMAIL' } as const;
type Coded = keyof typeof APIS;

export interface Directory {
  readonly rules: DirectoryRules;
  readonly codes: CodeSender;
}

/**
 * What the directory is to do, checked: a sentence for the first setting that cannot be. `inbox` takes the codes that no API sends;
 * without one (production) a kind of handle that nobody can send a code to is not taken.
 */
export function openDirectory(
  settings: DirectorySettings,
  inbox: ((message: CodeMessage) => void) | null,
  road: CodeRoad,
): Directory {
  const apis = { phone: apiOf(settings, 'SMS', inbox !== null), email: apiOf(settings, 'EMAIL', inbox !== null) };
  const issuers = issuersOf(settings);
  const kinds = kindsOf(settings, apis, issuers.size > 0, inbox !== null);
  if (kinds.length === 0)
    road.log({
      event: 'handles.off',
      why: 'No handle can be verified: set EMAIL_API_URL, SMS_API_URL or OIDC_ISSUERS.',
    });
  for (const [kind, api] of Object.entries(apis)) if (api?.warning === null) road.log({ event: 'warnings.off', kind });
  const handles = { kinds, issuers: [...issuers.keys()] };
  const count = (name: Name, otherwise: number) => whole(settings, name, otherwise);
  const perDay = count('LOOKUPS_PER_DAY', 1_000);
  const rules: DirectoryRules = {
    handles,
    seek: {
      perMinute: count('LOOKUPS_PER_MINUTE', 120),
      perDay,
      perDayNew: count('LOOKUPS_PER_DAY_NEW', Math.max(1, Math.floor(perDay / 10))),
      newForMs: count('NEW_ACCOUNT_DAYS', 7) * DAY_MS,
    },
    quarantineMs: days(settings, 'HANDLE_QUARANTINE_DAYS', HANDLE_QUARANTINE_MS),
    codes: {
      perAccount: count('CODES_PER_ACCOUNT', 10),
      perHandle: count('CODES_PER_HANDLE', 10),
      perDay: count('CODES_PER_DAY', 10_000),
    },
    tests: testsOf(settings, kinds),
    issuers,
  };
  return { rules, codes: senderOf(apis, inbox, road) };
}

function senderOf(
  apis: Readonly<Record<Coded, CodeApi | null>>,
  inbox: ((message: CodeMessage) => void) | null,
  road: CodeRoad,
): CodeSender {
  return {
    method: (kind) => (apis[kind] === null ? 'inbox' : kind === 'phone' ? 'sms' : 'email'),
    async send(message) {
      const api = apis[message.kind];
      if (api) return sendThrough(api, message, road);
      inbox?.(message);
      return inbox !== null;
    },
    async warn(warning) {
      const { kind, handle, id, until } = warning;
      const api = apis[kind];
      if (api) return api.warning === null ? 'off' : (await sendThrough(api, warning, road)) ? 'sent' : 'failed';
      inbox?.({ kind, handle: `warning:${handle}`, code: String(until), id });
      return inbox ? 'sent' : 'off';
    },
  };
}

function kindsOf(
  { HANDLE_KINDS }: DirectorySettings,
  apis: Readonly<Record<Coded, CodeApi | null>>,
  issuers: boolean,
  inbox: boolean,
): HandleKind[] {
  const able = { phone: inbox || apis.phone !== null, email: inbox || apis.email !== null, external: issuers };
  if (HANDLE_KINDS === undefined) return (Object.keys(able) as HandleKind[]).filter((kind) => able[kind]);
  return HANDLE_KINDS.split(' ').flatMap((word): HandleKind[] => {
    if (word === '') return [];
    if (word !== 'phone' && word !== 'email' && word !== 'external')
      throw new SecretsError(`HANDLE_KINDS names ${JSON.stringify(word)}: it may hold phone, email and external.`);
    const needed = word === 'external' ? 'OIDC_ISSUERS' : `${APIS[word]}_API_URL`;
    if (!able[word])
      throw new SecretsError(
        `HANDLE_KINDS names ${word}, but ${needed} is not set: nothing could verify such a handle.`,
      );
    return [word];
  });
}

function apiOf(settings: DirectorySettings, name: 'SMS' | 'EMAIL', loopback: boolean): CodeApi | null {
  const [url, given, body, warning, secret] = [
    settings[`${name}_API_URL`],
    settings[`${name}_API_HEADERS`],
    settings[`${name}_API_BODY`],
    settings[`${name}_API_WARNING`],
    settings[`${name}_API_SECRET`],
  ];
  if (url === undefined) {
    if ([given, body, warning, secret].some((one) => one !== undefined))
      throw new SecretsError(`${name}_API_URL is not set, but other settings of that API are.`);
    return null;
  }
  if (!isSafe(url, loopback)) throw new SecretsError(`${name}_API_URL must be an https URL without credentials in it.`);
  const headers = headersOf(`${name}_API_HEADERS`, given ?? '{}');
  if (body === undefined || !body.includes('{{to}}') || !body.includes('{{code}}'))
    throw new SecretsError(`${name}_API_BODY must be the body of a request, with {{to}} and {{code}} in it.`);
  if (warning !== undefined && (!warning.includes('{{to}}') || !warning.includes('{{until}}')))
    throw new SecretsError(`${name}_API_WARNING must be the body of a request, with {{to}} and {{until}} in it.`);
  const api = { url, headers, body, warning: warning ?? null, secret: secretOf(`${name}_API_SECRET`, secret) };
  const to = { kind: 'email', handle: 'mail1:a"b@example.com', id: 'example' } as const;
  const examples = { BODY: filled(api, { ...to, code: '000000' }), WARNING: filled(api, { ...to, until: 0 }) };
  const type = contentType(headers);
  for (const [part, example] of Object.entries(examples)) {
    if (part === 'WARNING' && warning === undefined) continue;
    if (type !== 'application/x-www-form-urlencoded' && !(type === 'application/json' && isJson(example)))
      throw new SecretsError(
        `${name}_API_${part} must be JSON, or a form with that Content-Type in ${name}_API_HEADERS.`,
      );
  }
  return api;
}

/** In development an API may stand on the same machine. */
function isSafe(text: string, loopback: boolean): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  if (username !== '' || password !== '') return false;
  return protocol === 'https:' || (loopback && protocol === 'http:' && hostname === '127.0.0.1');
}

function headersOf(name: string, text: string): Record<string, string> {
  const headers = parsed(text);
  const fit =
    isObject(headers) &&
    Object.entries(headers).every(
      ([header, value]) =>
        /^[A-Za-z0-9-]{1,64}$/.test(header) && typeof value === 'string' && /^[\x20-\x7e]*$/.test(value),
    );
  if (!fit) throw new SecretsError(`${name} must be a JSON object of header names and texts.`);
  return headers as Record<string, string>;
}

/** As Standard Webhooks write it: `whsec_` and base64. */
function secretOf(name: string, text: string | undefined): Uint8Array | null {
  if (text === undefined) return null;
  const secret = text.startsWith('whsec_') ? fromBase64(text.slice(6)) : null;
  if (!secret || secret.length < 24) throw new SecretsError(`${name} must be whsec_ and at least 24 bytes in base64.`);
  return secret;
}

/** `[{ name, issuer, audience, jwks | keys }]`: the key set itself, or the URL it is fetched from. */
function issuersOf({ OIDC_ISSUERS }: DirectorySettings): ReadonlyMap<string, OidcIssuer> {
  const list = OIDC_ISSUERS === undefined ? [] : parsed(OIDC_ISSUERS);
  if (!Array.isArray(list)) throw new SecretsError('OIDC_ISSUERS must be a JSON array.');
  return new Map(list.map((entry: unknown) => issuerOf(entry)));
}

function issuerOf(entry: unknown): [string, OidcIssuer] {
  if (!isObject(entry)) throw new SecretsError('OIDC_ISSUERS must hold objects.');
  const { name, issuer, audience, jwks, keys } = entry;
  const named = typeof name === 'string' && /^[a-z0-9-]{1,32}$/.test(name) && !['ext', 'tel', 'mail1'].includes(name);
  if (!named || typeof issuer !== 'string' || typeof audience !== 'string' || !isSafe(issuer, false))
    throw new SecretsError(
      'OIDC_ISSUERS: each needs a short `name` (a-z, 0-9, -), its https `issuer` and our `audience`.',
    );
  if (isObject(jwks) && Array.isArray(jwks['keys']))
    return [name, { issuer, audience, keys: createLocalJWKSet(jwks as unknown as JSONWebKeySet) }];
  if (typeof keys !== 'string' || !isSafe(keys, false))
    throw new SecretsError(`OIDC_ISSUERS: ${name} needs its key set as \`jwks\`, or the https URL of it as \`keys\`.`);
  return [name, { issuer, audience, keys: createRemoteJWKSet(new URL(keys), { timeoutDuration: 4_000 }) }];
}

/** Numbers that regulators keep for fiction, and the domains of RFC 2606: nobody's, ever. */
const NOBODYS =
  /^(?:tel:\+1[2-9]\d\d55501\d\d|tel:\+447700900\d{3}|mail1:[^@]+@(?:[^@]+\.)?(?:example|test|invalid|example\.(?:com|net|org)))$/;

function testsOf({ TEST_HANDLES }: DirectorySettings, kinds: readonly HandleKind[]): ReadonlyMap<string, string> {
  const given = TEST_HANDLES === undefined ? {} : parsed(TEST_HANDLES);
  if (!isObject(given) || Object.keys(given).length > MOST_TEST_HANDLES)
    throw new SecretsError(
      `TEST_HANDLES must be a JSON object of at most ${MOST_TEST_HANDLES} handles and their codes.`,
    );
  return new Map(
    Object.entries(given).map(([text, code], index): [string, string] => {
      const read = readHandle(text, { kinds, issuers: [] });
      if (!read.ok || !NOBODYS.test(read.handle.canonical))
        throw new SecretsError(
          `TEST_HANDLES: number ${index + 1} could be somebody's. Use +1 xxx 555 01xx, +44 7700 900xxx, or an address under example.com.`,
        );
      if (typeof code !== 'string' || !/^[0-9]{6}$/.test(code))
        throw new SecretsError(`TEST_HANDLES: the code of number ${index + 1} must have six digits.`);
      return [read.handle.canonical, code];
    }),
  );
}

function whole(settings: DirectorySettings, name: Name, otherwise: number): number {
  const value = settings[name] ?? String(otherwise);
  const number = /^\d{1,9}$/.test(value) ? Number(value) : 0;
  if (number < 1) throw new SecretsError(`${name} must be a whole number above 0; it is ${JSON.stringify(value)}.`);
  return number;
}

/** Days with decimals, as ms. */
function days(settings: DirectorySettings, name: Name, otherwise: number): number {
  const value = settings[name];
  if (value === undefined) return otherwise;
  if (!/^\d{1,3}(\.\d{1,6})?$/.test(value)) throw new SecretsError(`${name} must be a number of days.`);
  return Math.round(Number(value) * DAY_MS);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isJson(text: string): boolean {
  return parsed(text) !== undefined;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
