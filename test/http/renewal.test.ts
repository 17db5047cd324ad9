import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import { fromBase64url } from '../../src/bytes/base64url.ts';
import type { EvidenceRow } from '../../src/db/repositories.ts';
import { readIdentity } from '../../src/identity/certificate.ts';
import {
  CallsignClient,
  type ClientConfig,
  defaultConfig,
  developmentAttester,
  enroll,
  type Identity,
  memoryStore,
  webCrypto,
} from '../../src/sdk/index.ts';
import { renewIdentity } from '../../src/sdk/renew.ts';
import { spkiOf } from '../../src/sdk/crypto/point.ts';
import { certify, keys as deviceKeys, world } from '../support/authority.ts';
import { inProcess, ORIGIN } from '../support/in-process.ts';

const DAY = 86_400_000;
const place = await inProcess();
const { simulator, db: repositories } = place;
afterAll(() => place.stop());

let timers: { at: number; run: () => void }[] = [];

/** Time passes, and what was due in it happens in its order; a client that was woken is done when it has set its next timer. */
async function pass(ms: number): Promise<void> {
  const end = simulator.now + ms;
  for (;;) {
    const [next] = timers.filter(({ at }) => at <= end).toSorted((a, b) => a.at - b.at);
    if (!next) break;
    timers = timers.filter((timer) => timer !== next);
    await place.sleep(next.at - simulator.now);
    next.run();
    await expect.poll(() => timers.length).toBeGreaterThan(0);
  }
  await place.sleep(end - simulator.now);
}

/** What the server finds of an evidence; as it was stored unless a test says otherwise. */
let found: (row: EvidenceRow) => EvidenceRow | null = (row) => row;
let sent: { path: string; body: Record<string, unknown> }[] = [];
let spoil: (body: Record<string, unknown>) => object = (body) => body;
/** Given instead of the server's, when a test says so. */
let challenge: object | null = null;
let app: ReturnType<typeof createApp>;
let config: () => ClientConfig;

beforeAll(async () => {
  const evidence = {
    put: (...given: Parameters<typeof repositories.evidence.put>) => repositories.evidence.put(...given),
    keep: (hash: string, notAfter: number, until: number) => repositories.evidence.keep(hash, notAfter, until),
    sweep: (now: number) => repositories.evidence.sweep(now),
    get: async (hash: string) => {
      const row = await repositories.evidence.get(hash);
      return row && found(row);
    },
  };
  const services = await place.services({ db: { ...repositories, evidence } });
  app = createApp(() => services);
  const deployment = services.deployment.id;
  const roots = [services.keys.root.slice()];
  config = () => ({
    ...defaultConfig({ deployment, origin: ORIGIN, roots, crypto: webCrypto(), store: memoryStore() }),
    now: () => simulator.now,
    fetch: async (url, init) => {
      const path = url.slice(ORIGIN.length);
      if (challenge && path === '/v1/renewals/challenges') return Response.json(challenge);
      if (path !== '/v1/renewals') return app.request(path, init);
      const body = JSON.parse(init.body as string) as Record<string, unknown>;
      sent.push({ path, body });
      return app.request(path, { ...init, body: JSON.stringify(spoil(body)) });
    },
    openSocket: () => ({ binaryType: '', send: () => {}, close: () => {}, addEventListener: () => {} }),
    after: (ms, run) => {
      const timer = { at: simulator.now + ms, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((one) => one !== timer);
      };
    },
  });
});
beforeEach(() => {
  found = (row) => row;
  spoil = (body) => body;
  sent = [];
  challenge = null;
  timers = [];
});

interface Told {
  readonly config: ClientConfig;
  readonly identity: Identity;
}

async function device(): Promise<Told> {
  const own = config();
  const { identity } = await enroll(own, developmentAttester(own.crypto));
  return { config: own, identity };
}
/** The evidence as a format would have left it whose hardware holds the identity key itself. */
const keyAttested = (row: EvidenceRow): EvidenceRow => {
  const verdict = JSON.parse(row.verdict) as object;
  const key = attested;
  return { ...row, verdict: JSON.stringify({ ...verdict, identityBinding: 'key-attested', attestedKey: key }) };
};
let attested = '';
const attest = ({ identity }: Told) => {
  attested = Buffer.from(spkiOf(identity.key.publicKey)).toString('base64url');
  found = keyAttested;
};
const serialOf = ({ chain }: Identity) => readIdentity(chain[0]!)!.certificate.serial;
const revoke = async ({ identity }: Told) => {
  const { account, device: name } = identity;
  const body = { do: 'revoke', device: name, reason: 'lost', by: 'owner' };
  const answer = simulator.command({ kind: 'account', name: account }, `revoke ${name}`, body);
  await simulator.pass(20);
  return answer;
};
const history = async (told: Told, identity: Identity) => new CallsignClient(told.config, identity).history();
const refused = async (told: Told, reason: string, status = 422) =>
  expect(renewIdentity(told.config, told.identity)).rejects.toMatchObject({ code: 'refused', reason, status });

describe('a renewal', () => {
  it('is a new certificate for the same key, and the account knows it', async () => {
    const told = await device();
    await pass(5 * DAY);
    const renewed = await renewIdentity(told.config, told.identity);
    expect(serialOf(renewed)).not.toBe(serialOf(told.identity));
    expect(renewed.notAfter - told.identity.notAfter).toBeGreaterThan(4 * DAY);
    expect(readIdentity(renewed.chain[0]!)?.key).toEqual(readIdentity(told.identity.chain[0]!)?.key);
    await pass(3 * DAY);
    await expect(history(told, told.identity)).rejects.toMatchObject({ reason: 'certificate-refused' });
    expect(await history(told, renewed)).toEqual([]);
  });

  it('asked for again with the same challenge is the same certificate; another request with it is refused', async () => {
    const told = await device();
    const renewed = await renewIdentity(told.config, told.identity);
    const again = (body: object) =>
      app.request('/v1/renewals', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
    const { body } = sent[0]!;
    const first = (await (await again(body)).json()) as { certificate: string[] };
    expect(fromBase64url(first.certificate[0]!)).toEqual(renewed.chain[0]);
    challenge = { token: body['token'], expiresAt: 0, serverNow: simulator.now };
    await refused(told, 'challenge-used');
  });

  it.each([8, 35, 80])(
    'brings a device back after %d days, with its hardware shown again where that is due',
    async (days) => {
      const told = await device();
      await pass(days * DAY);
      await expect(history(told, told.identity)).rejects.toMatchObject({ reason: 'certificate-refused' });
      const attester = developmentAttester(told.config.crypto);
      const renewed = await renewIdentity(told.config, told.identity, { attester });
      expect(await history(told, renewed)).toEqual([]);
      expect(sent.map(({ body }) => 'fresh' in body)).toEqual(days > 30 ? [false, true] : [false]);
      expect(renewed.freshBy - simulator.now).toBeGreaterThan((days > 30 ? 29 : 21) * DAY);
    },
  );

  it('past the deadline, of a device that can show nothing, is for one day, marked, and once', async () => {
    const told = await device();
    await pass(35 * DAY);
    const renewed = await renewIdentity(told.config, told.identity, { overdue: true });
    expect(renewed).toMatchObject({ overdue: true });
    expect(renewed.notAfter - simulator.now).toBeLessThanOrEqual(DAY);
    expect(readIdentity(renewed.chain[0]!)?.assurance.freshness).toBe('cached');
    expect(readIdentity(told.identity.chain[0]!)?.assurance.freshness).toBe('challenge');
    expect(await history(told, renewed)).toEqual([]);
    const again = { ...told, identity: renewed };
    await refused(again, 'assertion-due');
    await expect(renewIdentity(told.config, renewed, { overdue: true })).rejects.toMatchObject({
      reason: 'assertion-due',
    });
    const attester = developmentAttester(told.config.crypto);
    const shown = await renewIdentity(told.config, renewed, { attester });
    expect(shown).toMatchObject({ overdue: false });
    expect(readIdentity(shown.chain[0]!)?.assurance.freshness).toBe('challenge');
    await pass(35 * DAY);
    expect(await renewIdentity(told.config, shown, { overdue: true })).toMatchObject({ overdue: true });
  });

  it('keeps the evidence for as long as the next one may need it', async () => {
    const told = await device();
    const renewed = await renewIdentity(told.config, told.identity);
    const { assurance } = readIdentity(renewed.chain[0]!)!;
    const row = await repositories.evidence.get(Buffer.from(assurance.evidence).toString('base64url'));
    expect(row?.keepUntil).toBeGreaterThan(renewed.notAfter + 90 * DAY);
  });
});

describe('a renewal is refused', () => {
  it('when the device slept for longer than a device may', async () => {
    const told = await device();
    attest(told);
    await pass(97 * DAY + 3_600_000);
    await refused(told, 'certificate-refused');
  });

  it('when the device was revoked, in force or asleep', async () => {
    const told = await device();
    attest(told);
    await revoke(told);
    await refused(told, 'device-revoked', 403);
    await pass(35 * DAY);
    await refused(told, 'device-revoked', 403);
  });

  it('30 days after the evidence of a key that is only vouched for, and not before', async () => {
    const told = await device();
    await pass(29 * DAY);
    const renewed = await renewIdentity(told.config, told.identity);
    await pass(1 * DAY);
    await refused({ ...told, identity: renewed }, 'assertion-due');
  });

  it('when its evidence was condemned, is of another device, or is gone', async () => {
    const told = await device();
    found = (row) => ({
      ...row,
      verdict: JSON.stringify({ ...(JSON.parse(row.verdict) as object), decision: 'refuse' }),
    });
    await refused(told, 'evidence-condemned');
    found = (row) => ({ ...row, device: 'another' });
    await refused(told, 'evidence-unknown');
    found = () => null;
    await refused(told, 'evidence-unknown');
  });

  it('for a challenge that is late, forged, or was made for something else', async () => {
    const told = await device();
    spoil = (body) => {
      const genuine = body['token'] as string;
      return { ...body, token: `${genuine.slice(0, -1)}${genuine.endsWith('A') ? 'E' : 'A'}` };
    };
    await refused(told, 'challenge');
    const asked = (path: string, body: object) =>
      app.request(path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      });
    const { account, device: name } = told.identity;
    const enroll = (await (
      await asked('/v1/enrollments/challenges', { format: 'webauthn', account })
    ).json()) as object;
    spoil = (body) => ({ ...body, token: (enroll as { token: string }).token });
    await refused(told, 'challenge');
    const late = (await (await asked('/v1/renewals/challenges', { account, device: name })).json()) as object;
    await pass(300_000);
    spoil = (body) => ({ ...body, token: (late as { token: string }).token });
    await refused(told, 'challenge-expired');
  });

  it('with the challenge of another device or account', async () => {
    const [told, other] = [await device(), await device()];
    const [own, foreign] = [told.identity, other.identity];
    for (const [account, name] of [
      [own.account, foreign.device],
      [foreign.account, own.device],
    ]) {
      const response = await app.request('/v1/renewals/challenges', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ account, device: name }),
      });
      const { token } = (await response.json()) as { token: string };
      spoil = (body) => ({ ...body, token });
      await refused(told, 'challenge-of-another');
    }
  });

  it('when another key asks, or the same key for another certificate', async () => {
    const told = await device();
    const other = await told.config.crypto.generateSigningKey();
    await refused({ ...told, identity: { ...told.identity, key: other } }, 'request-refused');
    const renewed = await renewIdentity(told.config, told.identity);
    spoil = (body) => ({ ...body, certificate: sent[0]?.body['certificate'] });
    await refused({ ...told, identity: renewed }, 'request-refused');
  });

  it('with a certificate that another authority made for the same names', async () => {
    const told = await device();
    const foreign = await world(simulator.now);
    const { account, device: name } = told.identity;
    const leaf = await certify(foreign, await deviceKeys(), { account, device: name }, simulator.now);
    const chain = [leaf, foreign.authority.issuing.certificate];
    await refused({ ...told, identity: { ...told.identity, chain } }, 'certificate-refused');
  });
});

describe('the client', () => {
  it('renews before it connects when its certificate has ended', async () => {
    const told = await device();
    attest(told);
    await pass(20 * DAY);
    const client = new CallsignClient(told.config, told.identity);
    await client.connect();
    expect(client.identity.notAfter).toBeGreaterThan(simulator.now + 6 * DAY);
    client.close();
  });

  it('renews by itself when less than a third of the life is left, once, and stays closed when it is', async () => {
    const told = await device();
    const client = new CallsignClient(told.config, told.identity);
    await client.connect();
    await pass(4 * DAY);
    expect(sent).toHaveLength(0);
    const before = serialOf(client.identity);
    await pass(DAY);
    await expect.poll(() => serialOf(client.identity)).not.toBe(before);
    expect(sent).toHaveLength(1);
    client.close();
    await pass(6 * DAY);
    expect(sent).toHaveLength(1);
  });

  it('says that a renewal is needed when it is refused, and tries again', async () => {
    const told = await device();
    const needed: [number, string][] = [];
    const client = new CallsignClient(told.config, told.identity, {
      renewalNeeded: (until, reason) => needed.push([until, reason]),
    });
    found = () => null;
    await pass(5 * DAY);
    await client.connect();
    await expect.poll(() => needed).toEqual([[told.identity.notAfter, 'evidence-unknown']]);
    found = (row) => row;
    await pass(3_600_000);
    await expect.poll(() => client.identity.notAfter).toBeGreaterThan(told.identity.notAfter);
    client.close();
  });

  it('asks once when several ask at once', async () => {
    const told = await device();
    const client = new CallsignClient(told.config, told.identity);
    await Promise.all([client.renew(), client.renew(), client.renew()]);
    expect(sent).toHaveLength(1);
  });
});
