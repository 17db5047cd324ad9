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
  relyingParty: { id: null, origins: [] },
  allowedOrigins: [],
  jurisdiction: 'none',
  anchors: [],
  lists: { mds: null, androidStatus: null, hosts: [] },
  access: null,
  directory: {},
  outside: { pushHosts: [], pushContact: null, iceUrls: [] },
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
      /^POLICY is development-1: production does not accept software keys \(format none, format development, hardware software/,
    );
  });

  it.each([
    ['none', { formats: ['tpm2', 'none'] }, 'format none'],
    ['software', { hardware: ['tee', 'software'] }, 'hardware software'],
    ['anchors of its own', { anchorClasses: ['hardware', 'software'] }, 'anchors of class software'],
    ['self attestation', { webauthn: { selfAttestation: true } }, 'self attestation'],
  ])('does not start with a document that takes %s', async (_, change, named) => {
    const policy = JSON.stringify({ base: 'standard', version: 'acme-1', ...change });
    await expect(start({ ...production, policy }, own)).rejects.toThrow(
      `POLICY is acme-1: production does not accept software keys (${named}).`,
    );
  });

  it('says at its start which phones cannot enroll, until POLICY names their applications', async () => {
    const said: object[] = [];
    const told = {
      ...ground,
      log: (line: { event: string }) => line.event.startsWith('policy.') && said.push(line),
    } as unknown as Ground;
    await composeServices(production, own, told);
    expect(said).toEqual([
      expect.objectContaining({ event: 'policy.names-no-application', format: 'android-keystore' }),
      expect.objectContaining({ event: 'policy.names-no-application', format: 'app-attest' }),
    ]);
    said.length = 0;
    const policy = JSON.stringify({
      base: 'standard',
      version: 'acme-1',
      android: { applications: [{ package: 'com.acme.calls', digests: ['ab'.repeat(32)] }] },
      apple: { applications: ['ABCDE12345.com.acme.calls'] },
    });
    const services = await composeServices({ ...production, policy }, own, told);
    expect(said).toEqual([]);
    expect(services.policy).toMatchObject({
      version: 'acme-1',
      capPerEndorsementKey: 5,
      android: { deviceLocked: true },
    });
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

  it.each([
    ['{', 'it is not JSON'],
    ['{"base":"lax"}', 'base: it must be one of'],
    ['{"base":"standard","formats":["tpm2"]}', 'version: a changed policy needs a version of its own'],
    ['{"base":"standard","version":"standard-1"}', 'version: a changed policy needs a version of its own'],
    ['{"base":"standard","version":"a-1","android":{"boot":[]}}', 'android.boot: '],
    ['{"version":"a-1"}', 'formats: '],
  ])('refuses the document %s with a sentence', async (policy, sentence) => {
    await expect(start({ ...production, policy }, own)).rejects.toThrow(sentence);
  });

  it('takes relying party and pages from ORIGIN, or as they are set', async () => {
    expect((await start(production, own)).deployment).toMatchObject({
      rpId: 'calls.example',
      origins: ['https://calls.example'],
    });
    const relyingParty = { id: 'acme.example', origins: ['https://acme.example', 'https://app.acme.example'] };
    expect((await start({ ...production, relyingParty }, own)).deployment).toMatchObject({
      rpId: 'acme.example',
      origins: relyingParty.origins,
      origin: 'https://calls.example',
    });
    for (const origin of [
      'https://acme.example.evil.example',
      'https://notacme.example',
      'acme.example',
      'https://acme.example/',
    ])
      await expect(
        start({ ...production, relyingParty: { id: 'acme.example', origins: [origin] } }, own),
      ).rejects.toThrow(`RP_ORIGINS names ${origin}: each must be an origin of RP_ID, which is acme.example.`);
  });
});
