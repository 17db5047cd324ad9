import { beforeAll, describe, expect, it } from 'vitest';
import { base64url } from '../bytes/base64url.ts';
import { createAuthority } from '../ca/authority.ts';
import { makeDevelopmentSecrets, type Secrets } from './secrets.ts';
import { composeServices, type Ground, type Settings } from './services.ts';

const NOW = Date.UTC(2026, 0, 1);
const ground = {
  log: () => undefined,
  db: { identity: async (claimed: object) => claimed },
} as unknown as Ground;
const production: Settings = {
  environment: 'production',
  origin: 'https://calls.example',
  policy: 'standard',
  allowedOrigins: [],
  jurisdiction: 'none',
  anchors: [],
  lists: { mds: null, androidStatus: null, hosts: [] },
  access: null,
  directory: {},
};

let made: Secrets;
let own: Partial<Secrets>;
beforeAll(async () => {
  made = await makeDevelopmentSecrets(NOW);
  const random = crypto.getRandomValues(new Uint8Array(32));
  const { root, issuing } = await createAuthority({ name: 'Example', development: false, now: NOW, random });
  const ca = { root: base64url(root.certificate), certificate: base64url(issuing.certificate), key: issuing.key };
  const keys = { ...(JSON.parse(made.CALLSIGN_KEYS) as object), development: false };
  own = { CALLSIGN_CA: JSON.stringify(ca), CALLSIGN_KEYS: JSON.stringify(keys) };
});

const start = (settings: Settings, secrets: Partial<Secrets>) => composeServices(settings, secrets, ground);

describe('production', () => {
  it('starts with secrets of its own, and has no inbox and no attester', async () => {
    const { inbox, developmentRoot, deployment } = await start(production, own);
    expect([inbox, developmentRoot, deployment.environment]).toEqual([null, null, 'production']);
  });

  it('does not start with any secret that was made for development', async () => {
    const refusal = /^These secrets were made for development; production does not start with them\./;
    await expect(start(production, made)).rejects.toThrow(refusal);
    await expect(start(production, { ...own, CALLSIGN_CA: made.CALLSIGN_CA })).rejects.toThrow(refusal);
    await expect(start(production, { ...own, CALLSIGN_KEYS: made.CALLSIGN_KEYS })).rejects.toThrow(refusal);
    const attester = { ...own, CALLSIGN_DEVELOPMENT: made.CALLSIGN_DEVELOPMENT! };
    await expect(start(production, attester)).rejects.toThrow(refusal);
  });

  it('does not start with further anchors', async () => {
    await expect(start({ ...production, anchors: ['AAAA'] }, own)).rejects.toThrow(
      'ANCHORS is set: production trusts the anchors that ship, and no others.',
    );
  });

  it('does not start with the policy of development', async () => {
    await expect(start({ ...production, policy: 'development' }, own)).rejects.toThrow(
      'POLICY is development: production does not accept software keys.',
    );
  });
});

describe('every deployment', () => {
  it('names the secret that is missing or cannot be read', async () => {
    await expect(start(production, {})).rejects.toThrow(/^CALLSIGN_CA is not set: /);
    await expect(start(production, { ...own, CALLSIGN_KEYS: '{' })).rejects.toThrow('CALLSIGN_KEYS is not JSON.');
  });

  it('knows the policies by name', async () => {
    await expect(start({ ...production, policy: 'lenient' }, own)).rejects.toThrow(/^POLICY is "lenient": it must be /);
  });
});
