import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { CodeMessage } from '../http/services.ts';
import { type CodeApi, type CodeRoad, filled, sendThrough } from './code-api.ts';
import { type DirectorySettings, directorySettings, openDirectory } from './directory.ts';
import { SecretsError } from './secrets.ts';

const lines: object[] = [];
const road: CodeRoad = {
  fetcher: (url, init) => fetch(url, init),
  wait: async () => undefined,
  now: () => 1_700_000_000_000,
  log: (line) => void lines.push(line),
};
afterEach(() => void lines.splice(0));

const open = (settings: DirectorySettings, inbox: ((message: CodeMessage) => void) | null = null) =>
  openDirectory(settings, inbox, road);
const EMAIL: DirectorySettings = {
  EMAIL_API_URL: 'https://mail.example/send',
  EMAIL_API_HEADERS: '{"Authorization":"Bearer test-credential"}',
  EMAIL_API_BODY: '{"to":"{{to}}","text":"Your code is {{code}}, for {{minutes}} minutes."}',
  EMAIL_API_WARNING: '{"to":"{{to}}","text":"Somebody wants this address. Say no before {{until}}."}',
};
const message: CodeMessage = { kind: 'email', handle: 'mail1:alice@example.com', code: '123456', id: 'sending-1' };

describe('settings of the directory', () => {
  it('are read by their names, and nothing else is', () => {
    expect(directorySettings({ CODES_PER_DAY: '5', OTHER: 'x', LOOKUPS_PER_DAY: 7 })).toEqual({ CODES_PER_DAY: '5' });
  });

  it('without any, production says that no handle can be verified, takes none, and sends nothing', async () => {
    const { rules, codes } = open({});
    expect(rules.handles.kinds).toEqual([]);
    expect(lines).toEqual([
      { event: 'handles.off', why: 'No handle can be verified: set EMAIL_API_URL, SMS_API_URL or OIDC_ISSUERS.' },
    ]);
    expect(await codes.send(message)).toBe(false);
  });

  it('development has an inbox for what no API sends', async () => {
    const got: CodeMessage[] = [];
    const { rules, codes } = open({}, (one) => void got.push(one));
    expect(rules.handles.kinds).toEqual(['phone', 'email']);
    expect([codes.method('phone'), codes.method('email')]).toEqual(['inbox', 'inbox']);
    expect(await codes.send(message)).toBe(true);
    expect(got).toEqual([message]);
  });

  it('a kind is on with its provider, and a tenth of the day is a new account’s', () => {
    const { rules, codes } = open({ ...EMAIL, LOOKUPS_PER_DAY: '55' });
    expect(rules.handles.kinds).toEqual(['email']);
    expect(codes.method('email')).toBe('email');
    expect(rules.seek).toMatchObject({ perDay: 55, perDayNew: 5, newForMs: 7 * 86_400_000 });
  });

  it.each<[string, DirectorySettings, string]>([
    ['a kind that nothing verifies', { HANDLE_KINDS: 'email phone', ...EMAIL }, 'SMS_API_URL is not set'],
    ['external without an issuer', { HANDLE_KINDS: 'external' }, 'OIDC_ISSUERS is not set'],
    ['a kind that is none', { HANDLE_KINDS: 'fax' }, '"fax"'],
    ['an API without encryption', { ...EMAIL, EMAIL_API_URL: 'http://mail.example/send' }, 'https URL'],
    ['credentials in the URL', { ...EMAIL, EMAIL_API_URL: 'https://a:b@mail.example/' }, 'without credentials'],
    ['a body without the code', { ...EMAIL, EMAIL_API_BODY: '{"to":"{{to}}"}' }, '{{code}}'],
    ['a warning without its end', { ...EMAIL, EMAIL_API_WARNING: '{"to":"{{to}}"}' }, '{{until}}'],
    [
      'a warning that is no JSON',
      { ...EMAIL, EMAIL_API_WARNING: '{{to}} {{until}}' },
      'EMAIL_API_WARNING must be JSON',
    ],
    ['half a warning', { SMS_API_WARNING: '{}' }, 'SMS_API_URL is not set'],
    ['a body that is no JSON', { ...EMAIL, EMAIL_API_BODY: '{{to}} {{code}}' }, 'must be JSON'],
    ['headers that are none', { ...EMAIL, EMAIL_API_HEADERS: '{"X":"a\\nb"}' }, 'EMAIL_API_HEADERS'],
    ['a short secret', { ...EMAIL, EMAIL_API_SECRET: 'whsec_AAAA' }, 'EMAIL_API_SECRET'],
    ['half an API', { SMS_API_BODY: '{}' }, 'SMS_API_URL is not set'],
    [
      'an issuer without keys',
      { OIDC_ISSUERS: '[{"name":"corp","issuer":"https://id.example","audience":"us"}]' },
      'corp',
    ],
    [
      'an issuer without encryption',
      { OIDC_ISSUERS: '[{"name":"corp","issuer":"http://id.example","audience":"us","jwks":{"keys":[]}}]' },
      'https',
    ],
    ['a test handle that is somebody’s number', { ...EMAIL, TEST_HANDLES: '{"+4930123456":"123456"}' }, "somebody's"],
    ['a test handle that is somebody’s address', { ...EMAIL, TEST_HANDLES: '{"a@mail.com":"123456"}' }, "somebody's"],
    ['a test handle with a weak code', { ...EMAIL, TEST_HANDLES: '{"a@example.com":"1"}' }, 'six digits'],
    ['a limit that is none', { CODES_PER_DAY: '0' }, 'CODES_PER_DAY'],
  ])('%s is refused with a sentence that repeats no value of it', (_, settings, sentence) => {
    expect(() => open(settings)).toThrow(SecretsError);
    expect(() => open(settings)).toThrow(sentence);
    for (const secret of ['test-credential', '+4930123456', 'a@mail.com'])
      expect(() => open(settings)).not.toThrow(secret);
  });

  it('at most twenty test handles, of numbers and domains that are nobody’s', () => {
    const many = Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`r${i}@example.com`, '123456']));
    expect(() => open({ ...EMAIL, TEST_HANDLES: JSON.stringify(many) })).toThrow('at most 20');
    const both = { TEST_HANDLES: '{"Review@Example.com":"123456","+1 202 555 0123":"654321"}' };
    expect([...open(both, () => undefined).rules.tests]).toEqual([
      ['mail1:review@example.com', '123456'],
      ['tel:+12025550123', '654321'],
    ]);
  });
});

describe('a code on its way', () => {
  const api = (body: string, headers: CodeApi['headers'] = {}): CodeApi => ({
    url: 'https://x.example/',
    headers,
    body,
    warning: null,
    secret: null,
  });

  it('fills in escaped values, which cannot leave their place', () => {
    const tricky = { ...message, handle: 'mail1:"},{"to":"eve@example.com' };
    expect(JSON.parse(filled(api('{"to":"{{to}}","code":"{{code}}"}'), tricky))).toEqual({
      to: '"},{"to":"eve@example.com',
      code: '123456',
    });
    const form = api('To={{to}}&Body={{code}}', { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' });
    const number = { ...message, handle: 'tel:+4930&To=+1' };
    expect([...new URLSearchParams(filled(form, number))]).toEqual([
      ['To', '+4930&To=+1'],
      ['Body', '123456'],
    ]);
  });

  /** An API on the loopback that answers with these statuses, one after the other. */
  async function answering(statuses: readonly number[]) {
    const seen: { headers: Record<string, string | string[] | undefined>; body: string }[] = [];
    const server = createServer((request, response) => {
      let body = '';
      request.on('data', (part: Buffer) => void (body += part.toString()));
      request.on('end', () => {
        seen.push({ headers: request.headers, body });
        response.writeHead(statuses[seen.length - 1] ?? 500, { Location: 'http://127.0.0.1:1/' }).end('{}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/send`;
    // Connections that are kept alive would hold it open.
    const stop = () =>
      new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    return { url, seen, stop };
  }

  it.each<[string, number[], boolean, number]>([
    ['is handed over once', [202], true, 1],
    ['is tried again after 500 and 429', [500, 429, 200], true, 3],
    ['is given up after three tries', [503, 503, 503, 200], false, 3],
    ['is not tried again when it was refused', [400, 200], false, 1],
    ['does not follow a redirection with its credentials', [307, 200], false, 1],
  ])('%s', async (_, statuses, sent, tries) => {
    const { url, seen, stop } = await answering(statuses);
    const secret = Buffer.from('a secret of twenty-four b');
    const settings = { ...EMAIL, EMAIL_API_URL: url, EMAIL_API_SECRET: `whsec_${secret.toString('base64')}` };
    const { codes } = open(settings, () => undefined);
    expect(await codes.send(message)).toBe(sent);
    await stop();
    expect(seen).toHaveLength(tries);
    expect(new Set(seen.map(({ headers }) => headers['idempotency-key']))).toEqual(new Set(['sending-1']));
    const { headers, body } = seen[0]!;
    expect(JSON.parse(body)).toEqual({ to: 'alice@example.com', text: 'Your code is 123456, for 10 minutes.' });
    expect(headers['authorization']).toBe('Bearer test-credential');
    const mac = createHmac('sha256', secret).update(`sending-1.1700000000.${body}`).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${mac}`);
    const told = JSON.stringify(lines);
    for (const word of ['123456', 'alice', 'test-credential']) expect(told).not.toContain(word);
    expect(lines).toHaveLength(sent ? 0 : 1);
  });

  it.each<[string, number[], string, number]>([
    ['is handed over once', [200], 'sent', 1],
    ['is tried again after 500', [500, 200], 'sent', 2],
    ['fails after three tries', [503, 503, 503], 'failed', 3],
    ['fails when it was refused', [400], 'failed', 1],
  ])('a warning by the same API %s', async (_, statuses, outcome, tries) => {
    const { url, seen, stop } = await answering(statuses);
    const { codes } = open({ ...EMAIL, EMAIL_API_URL: url }, () => undefined);
    const warning = {
      id: 'recovery.0',
      kind: 'email',
      handle: 'mail1:alice@example.com',
      until: 1_700_000_000_000,
    } as const;
    expect(await codes.warn(warning)).toBe(outcome);
    await stop();
    expect(seen).toHaveLength(tries);
    expect(new Set(seen.map(({ headers }) => headers['idempotency-key']))).toEqual(new Set(['recovery.0']));
    expect(JSON.parse(seen[0]!.body)).toEqual({
      to: 'alice@example.com',
      text: 'Somebody wants this address. Say no before 2023-11-14T22:13:20.000Z.',
    });
    expect(JSON.stringify(lines)).not.toContain('alice');
    const events = lines.map((line) => (line as { event: string }).event);
    expect(events).toEqual(outcome === 'sent' ? [] : ['warning.not-sent']);
  });

  it('a warning that nothing sends is off, and the operator hears so at the start', async () => {
    const { EMAIL_API_WARNING: _, ...codesOnly } = EMAIL;
    const { codes } = open(codesOnly);
    expect(lines).toContainEqual({ event: 'warnings.off', kind: 'email' });
    const warning = { id: 'recovery.0', handle: 'mail1:alice@example.com', until: 0 };
    expect(await codes.warn({ ...warning, kind: 'email' })).toBe('off');
    expect(await codes.warn({ ...warning, kind: 'phone' })).toBe('off');
  });

  it('that nobody answers is given up in time and logged without what was sent', async () => {
    const dead: CodeRoad = { ...road, fetcher: () => Promise.reject(new Error('unreachable')) };
    expect(await sendThrough(api('{"to":"{{to}}","c":"{{code}}"}'), message, dead)).toBe(false);
    expect(lines).toEqual([{ event: 'code.not-sent', kind: 'email', status: 0, attempts: 3 }]);
  });
});
