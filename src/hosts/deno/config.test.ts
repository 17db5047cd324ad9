import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { readConfig } from './config.ts';

test('nothing set serves the loopback from ./data', () => {
  expect(readConfig({})).toEqual({
    data: resolve('./data'),
    hostname: '127.0.0.1',
    port: 8787,
    jurisdiction: 'none',
    files: 1,
    proxies: ['127.0.0.1', '::1'],
    settings: {
      environment: 'development',
      origin: 'http://127.0.0.1:8787',
      policy: 'development',
      jurisdiction: 'none',
      relyingParty: { id: null, origins: [] },
      allowedOrigins: [],
      access: null,
      directory: {},
      outside: { pushHosts: [], pushContact: null, iceUrls: [] },
      anchors: [],
      lists: { mds: null, androidStatus: null, hosts: [] },
      limits: '',
    },
  });
});

test('every setting is read', () => {
  const env = {
    CALLSIGN_DATA: '/srv/callsign',
    CALLSIGN_HOST: '::1',
    CALLSIGN_PORT: '0',
    CALLSIGN_FILES: '16',
    JURISDICTION: 'eu',
    ORIGIN: 'http://localhost:9000',
    TRUSTED_PROXIES: '10.0.0.1 10.0.0.2',
    LIMITS: '{}',
  };
  expect(readConfig(env)).toEqual({
    data: '/srv/callsign',
    hostname: '::1',
    port: 0,
    jurisdiction: 'eu',
    files: 16,
    proxies: ['10.0.0.1', '10.0.0.2'],
    settings: expect.objectContaining({ origin: 'http://localhost:9000', jurisdiction: 'eu', limits: '{}' }),
  });
});

test.each([
  ['CALLSIGN_PORT', '65536'],
  ['CALLSIGN_PORT', ' 80'],
  ['CALLSIGN_PORT', '-1'],
  ['CALLSIGN_PORT', ''],
  ['CALLSIGN_FILES', '0'],
  ['CALLSIGN_FILES', '1e2'],
  ['CALLSIGN_HOST', 'a b'],
  ['CALLSIGN_DATA', ''],
  ['JURISDICTION', 'EU'],
])('%s=%j is refused with a sentence that names it', (name, value) => {
  expect(() => readConfig({ [name]: value })).toThrow(
    expect.objectContaining({ name: 'Refused', message: expect.stringMatching(new RegExp(`^${name} must be .*\\.$`)) }),
  );
});
