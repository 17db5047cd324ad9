/**
 * Devices that slept (G11): rung by their last certificate, back by themselves with what their platform can show, on the real
 * routes, tables and actors under one clock. Hardware is a software TPM and keys of test makers.
 */
import * as v from 'valibot';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import { type Policy, policies } from '../../src/attestation/index.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { concat, u32 } from '../../src/bytes/join.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import type { Services } from '../../src/http/services.ts';
import { TOPIC } from '../../src/protocol/courier.ts';
import type { Verb } from '../../src/protocol/call.ts';
import { readIdentity } from '../../src/identity/certificate.ts';
import { Courier } from '../../src/sdk/courier.ts';
import { IdentifiedApi } from '../../src/sdk/api.ts';
import {
  androidKeystoreAttester,
  type Attester,
  type Call,
  CallsignClient,
  type ClientConfig,
  enroll,
  type Identity,
  memoryStore,
  tpmAttester,
  webCrypto,
} from '../../src/sdk/index.ts';
import { renewIdentity } from '../../src/sdk/renew.ts';
import { TpmIdentity } from '../../src/sdk/tpm/identity.ts';
import * as phone from '../attestation/support/android-chain.ts';
import * as android from '../attestation/support/android.ts';
import * as iphone from '../attestation/support/apple.ts';
import * as authenticator from '../attestation/support/authenticator.ts';
import * as ca from '../attestation/support/ca.ts';
import { makeChain } from '../attestation/support/chain.ts';
import { int } from '../attestation/support/der.ts';
import { type Factory, makeFactory, provision, template } from '../attestation/support/tpm-factory.ts';
import { signer } from '../support/enrolling.ts';
import { type InProcess, inProcess, ORIGIN } from '../support/in-process.ts';
import { type SoftwareTpm, startSwtpm, swtpmInstalled } from '../support/swtpm.ts';

const DAY = 86_400_000;
/** A deployment and a clock for each test: the makers' authorities end some day. */
let place: InProcess;
let simulator: InProcess['simulator'];
let services: Services;
let app: ReturnType<typeof createApp>;
beforeEach(async () => {
  place = await inProcess({}, ca.TEST_NOW + 3_600_000);
  simulator = place.simulator;
  const trust = { base: store(), current: async () => store(), reload: async () => store() };
  services = await place.services({ trust, policy });
  app = createApp(() => services);
});
afterEach(() => place.stop());
const factory: Factory = await makeFactory();

const policy: Policy = {
  ...policies.standard,
  apple: { applications: [iphone.APP_ID], environments: ['production'] },
  android: {
    ...policies.standard.android,
    applications: [{ package: 'org.example.calls', digests: ['ab'.repeat(32)] }],
  },
  capPerEndorsementKey: 100,
};
const anchors = [
  { ...phone.trust().anchors[0]!, id: 'TEST-ANDROID', formats: ['android-keystore'] as const },
  { ...authenticator.anchor, id: 'TEST-PACKED', formats: ['packed'] as const },
  { ...factory.anchor, formats: ['tpm2'] as const },
  ...iphone.trust.anchors,
];
const store = () => ({
  anchors,
  intermediates: [],
  metadata: null,
  androidStatus: { fetchedAt: simulator.now, entries: new Map() },
});

/** What the client sends in place of a renewal, when a test says so; null: nothing gets through. */
let onTheWay: (body: Record<string, unknown>) => Record<string, unknown> | null = (body) => body;
let sent: Record<string, unknown>[] = [];

function config(): ClientConfig {
  return {
    deployment: services.deployment.id,
    origin: ORIGIN,
    roots: [services.keys.root.slice()],
    crypto: webCrypto(),
    store: memoryStore(),
    now: () => simulator.now,
    fetch: async (url, init) => {
      const path = url.slice(ORIGIN.length);
      if (path !== '/v1/renewals') return app.request(path, init);
      const given = onTheWay(JSON.parse(init.body as string) as Record<string, unknown>);
      if (given === null) throw new Error('the network is away');
      sent.push(given);
      return app.request(path, { ...init, body: JSON.stringify(given) });
    },
    openSocket: place.dial(app),
    after: (ms, run) => simulator.plan(Math.ceil(ms), run),
  };
}

/** What a device of one format is, and how its hardware shows itself again. */
interface Kind {
  readonly attester: (own: ClientConfig) => Promise<Attester>;
  readonly due: 'assertion-due' | 'reattestation-due';
}

const sha256 = iphone.sha256;

/** A security key: a packed attestation, then assertions whose counter grows. Somebody must touch it. */
async function securityKey(own: ClientConfig, change: { credential?: ca.TestKey; counter?: number } = {}) {
  const credential = change.credential ?? (await ca.makeKey());
  const credentialId = crypto.getRandomValues(new Uint8Array(32));
  const identity = await own.crypto.generateSigningKey();
  let counter = change.counter ?? 1;
  const attester: Attester = {
    format: 'webauthn',
    identityKey: async () => identity,
    async attest(transcript) {
      const data = authenticator.authenticatorData({ credentialId, key: authenticator.coseKey(credential) });
      const client = authenticator.clientData({ challenge: base64url(transcript) });
      const { format: _, ...fields } = await authenticator.packed({ data, client });
      return fields;
    },
    async show(transcript) {
      const data = concat(sha256(utf8(authenticator.RP_ID)), new Uint8Array([0x05]), u32(++counter));
      const client = authenticator.clientData({ type: 'webauthn.get', challenge: base64url(transcript) });
      const signature = await ca.sign(credential, concat(data, sha256(client)));
      const bytes = { credentialId, clientDataJSON: client, authenticatorData: data, signature };
      return Object.fromEntries(Object.entries(bytes).map(([name, value]) => [name, base64url(value)]));
    },
  };
  return { attester, rewind: (to: number) => (counter = to) };
}

async function appAttest(own: ClientConfig) {
  const key = await ca.makeKey();
  const identity = await own.crypto.generateSigningKey();
  let counter = 0;
  const attester: Attester = {
    format: 'app-attest',
    identityKey: async () => identity,
    async attest(transcript) {
      const made = await iphone.makeAttestation({ transcript, key, receipt: iphone.receiptOf(simulator.now) });
      const { format: _, ...fields } = made.fields;
      return fields;
    },
    show: async (transcript) => ({
      assertion: base64url(await iphone.makeAssertion({ clientData: transcript, counter: ++counter, key })),
    }),
    silent: true,
  };
  return { attester, rewind: (to: number) => (counter = to) };
}

/** `hardware`: tags of what the phone says of itself, when it shows its posture. */
function keystore(hardware: android.Fields = {}): Attester {
  return androidKeystoreAttester(async (challenge, use) => {
    const key = await ca.makeKey();
    const fields = use === 'posture' ? { ...android.hardwareFields, ...hardware } : android.hardwareFields;
    const { ders } = await makeChain(phone.remote(phone.leaf({ challenge, hardware: fields }, { key })));
    return { ...signer(key), certificateChain: ders };
  });
}

let machine: SoftwareTpm;
const open: TpmIdentity[] = [];
beforeAll(async () => {
  if (!swtpmInstalled) return;
  machine = await startSwtpm();
  await provision(machine, factory, template('L-2'));
});
afterAll(() => machine?.stop());
afterEach(async () => {
  for (const identity of open.splice(0)) await identity.close();
  onTheWay = (body) => body;
  sent = [];
});

async function tpm(): Promise<Attester> {
  const identity = await TpmIdentity.create(machine.tpm);
  open.push(identity);
  return tpmAttester(identity);
}

const kinds: Readonly<Record<string, Kind>> = {
  webauthn: { attester: async (own) => (await securityKey(own)).attester, due: 'assertion-due' },
  'app-attest': { attester: async (own) => (await appAttest(own)).attester, due: 'assertion-due' },
  'android-keystore': { attester: async () => keystore(), due: 'reattestation-due' },
  ...(swtpmInstalled && { tpm2: { attester: tpm, due: 'reattestation-due' as const } }),
};

interface Sleeper {
  readonly config: ClientConfig;
  readonly identity: Identity;
  readonly attester: Attester;
  readonly handle: string;
}

let people = 0;

/** Enrolled, findable, callable, and then its application is not started again. */
async function asleep(attesterOf: Kind['attester']): Promise<Sleeper> {
  const own = config();
  const attester = await attesterOf(own);
  const { identity } = await enroll(own, attester);
  const client = new CallsignClient(own, identity);
  await client.publishKeys();
  const handle = `sleeper-${++people}@example.com`;
  await client.addHandle(handle, async () => {
    const answer = await app.request(`/v1/development/inbox?handle=${encodeURIComponent(`mail1:${handle}`)}`);
    return ((await answer.json()) as { code: string }).code;
  });
  client.close();
  return { config: own, identity, attester, handle };
}

/** Somebody who calls. */
async function caller(): Promise<CallsignClient> {
  const own = config();
  const { identity } = await enroll(own, keystore());
  let online = false;
  const client = new CallsignClient(own, identity, { online: () => (online = true) });
  await client.publishKeys();
  await client.connect();
  await place.until('the caller is online', () => online);
  return client;
}

const serialOf = ({ chain }: Identity) => readIdentity(chain[0]!)!.certificate.serial;
const renewal = (sleeper: Sleeper, more: object = {}) =>
  renewIdentity(sleeper.config, sleeper.identity, { attester: sleeper.attester, gesture: true, ...more });
const refused = (sleeper: Sleeper, reason: string, more: object = {}) =>
  expect(renewal(sleeper, more)).rejects.toMatchObject({ code: 'refused', reason });
const revoke = ({ identity: { account, device } }: Sleeper) =>
  place.actors.command({ kind: 'account', name: account }, `revoke ${device}`, {
    do: 'revoke',
    device,
    reason: 'lost',
    by: 'owner',
  });

describe.each(Object.entries(kinds))('a device with evidence of kind %s', (_kind, { attester, due }) => {
  it.each([8, 35, 80])(
    'that slept for %d days is rung by its last certificate, renews while it rings, and answers',
    async (days) => {
      const sleeper = await asleep(attester);
      await place.sleep(days * DAY);
      const alice = await caller();
      const peer = await alice.find(sleeper.handle, { claim: true });
      expect(peer?.devices.map(({ device, certificate }) => [device, certificate.dormant])).toEqual([
        [sleeper.identity.device, true],
      ]);
      const placed = alice.call(peer!);
      const needed: string[] = [];
      let rings: Call | null = null;
      const events = {
        incoming: (call: Call) => (rings = call),
        renewalNeeded: (_until: number, reason: string) => needed.push(reason),
      };
      const bob = new CallsignClient(sleeper.config, sleeper.identity, events, { attester: sleeper.attester });
      await bob.connect();
      await place.until('it rings', () => rings !== null);
      expect(placed.phase).not.toBe('active');
      expect(bob.identity.notAfter).toBeGreaterThan(simulator.now);
      bob.accept(rings!);
      await place.until('it is answered', () => placed.phase === 'active' && rings?.phase === 'active');
      // Past 30 days whoever can show its hardware alone did; who cannot had one day, and needs a gesture for more.
      const overdue = days > 30 && sleeper.attester.silent !== true;
      expect(bob.identity.notAfter - simulator.now <= DAY).toBe(overdue);
      expect(needed).toEqual(overdue ? [due] : []);
      const fresh = { fresh: expect.anything() as unknown };
      expect(sent.at(-1)).toEqual(expect.objectContaining(overdue ? { overdue: true } : days > 30 ? fresh : {}));
      await bob.renew({ gesture: true });
      expect(bob.identity.notAfter - simulator.now).toBeGreaterThan(6 * DAY);
      alice.hangup(placed);
      await place.until('it ends', () => rings?.phase === 'ended');
      alice.close();
      bob.close();
    },
  );

  it.each([8, 35, 80])(
    'that slept for %d days and was revoked is not returned, and does not come back',
    async (days) => {
      const sleeper = await asleep(attester);
      await place.sleep((days - 1) * DAY);
      await revoke(sleeper);
      await place.sleep(DAY);
      const alice = await caller();
      expect((await alice.find(sleeper.handle))?.devices ?? []).toEqual([]);
      await refused(sleeper, 'device-revoked');
      await refused(sleeper, 'device-revoked', { attester: undefined, overdue: true });
      alice.close();
    },
  );

  it('is told what is due when it shows nothing, and is rung no longer after 90 days', async () => {
    const sleeper = await asleep(attester);
    await place.sleep(35 * DAY);
    await refused(sleeper, due, { attester: undefined });
    const identity = await renewal(sleeper, { attester: undefined, overdue: true });
    expect(identity).toMatchObject({ overdue: true });
    await refused(sleeper, due, { attester: undefined, overdue: true });
    await place.sleep(62 * DAY);
    expect((await renewal({ ...sleeper, identity })).notAfter - simulator.now).toBeGreaterThan(6 * DAY);
    await place.sleep(98 * DAY);
    const alice = await caller();
    expect((await alice.find(sleeper.handle))?.devices ?? []).toEqual([]);
    alice.close();
  });

  it('goes on for a year of sleeping and waking', async () => {
    let sleeper = await asleep(attester);
    const serials = new Set([serialOf(sleeper.identity)]);
    for (const days of [6, 34, 70, 5, 5, 90]) {
      await place.sleep(days * DAY);
      const identity = await renewal(sleeper);
      sleeper = { ...sleeper, identity };
      serials.add(serialOf(identity));
    }
    expect(serials.size).toBe(7);
  });

  it('whose renewal does not get through is never granted a call', async () => {
    const sleeper = await asleep(attester);
    const early = await listening(sleeper);
    await place.until('in force', () => early.courier.connected);
    await place.sleep(8 * DAY);
    const alice = await caller();
    const placed = alice.call((await alice.find(sleeper.handle, { claim: true }))!);
    // Connected while its certificate was in force: it hears the invitation, and cannot answer it.
    await place.until('it hears of the call', () => early.heard.includes(TOPIC.call));
    let replied = false;
    const answer = { verb: 'answer', call: placed.id, attempt: 1 } as unknown as Verb;
    void early.courier.say(answer).then(() => (replied = true));
    await place.until('a reply', () => replied);
    expect(early.heard).toContain('dormant');
    // Connecting after it ended: for a renewal, and for nothing else.
    const late = await listening(sleeper);
    await place.until('told', () => late.heard.includes('dormant'));
    await expect(
      new IdentifiedApi(sleeper.config, sleeper.identity).ask(v.unknown(), { method: 'GET', path: '/v1/history' }),
    ).rejects.toMatchObject({
      reason: 'certificate-refused',
    });
    await simulator.pass(60_000);
    await place.until('the call ends', () => placed.phase === 'ended');
    expect([late.heard, late.courier.connected]).toEqual([['dormant'], false]);
    // It renews at last: that connection goes, and the next one is a device in force.
    const renewed = await renewal(sleeper);
    late.api.identity = renewed;
    await place.until('back in force', () => late.courier.connected);
    expect(late.heard.slice(0, 2)).toEqual(['dormant', 'disconnected']);
    for (const { courier } of [early, late]) courier.stop();
    alice.close();
  });
});

/** A courier by itself: what a device hears that never renews. */
async function listening({ config: own, identity }: Sleeper) {
  const heard: string[] = [];
  const api = new IdentifiedApi(own, identity);
  const hears = (what: string) => () => void heard.push(what);
  const courier = new Courier(own, api, {
    envelope: async ({ topic }) => void heard.push(topic),
    drained: () => undefined,
    resync: hears('resync'),
    disconnected: hears('disconnected'),
    closed: hears('closed'),
    dormant: hears('dormant'),
    keysLow: () => undefined,
  });
  await courier.start();
  return { courier, api, heard };
}

const other = async () => {
  const own = config();
  return (await securityKey(own)).attester;
};

describe('what is shown again does not count', () => {
  /** 35 days later, by itself and whole, it would. */
  async function due(attesterOf: Kind['attester']): Promise<Sleeper> {
    const sleeper = await asleep(attesterOf);
    await place.sleep(35 * DAY);
    return sleeper;
  }
  const instead = (change: (fresh: Record<string, unknown>) => object) => {
    onTheWay = (body) =>
      'fresh' in body ? { ...body, fresh: change(body['fresh'] as Record<string, unknown>) } : body;
  };

  it('when it is the assertion of another credential', async () => {
    const sleeper = await due(kinds['webauthn']!.attester);
    await refused({ ...sleeper, attester: await other() }, 'fresh-key');
    await renewal(sleeper);
  });

  it('when it is signed by another key under the credential’s name, or the transcript is another’s', async () => {
    const sleeper = await due(kinds['webauthn']!.attester);
    const stranger = await (await other()).show!(new Uint8Array(32), {} as never);
    instead((fresh) => ({ ...fresh, signature: stranger['signature'] }));
    await refused(sleeper, 'fresh-refused');
    const early = await sleeper.attester.show!(new Uint8Array(32), {} as never);
    instead(() => early);
    await refused(sleeper, 'fresh-refused');
    instead(() => ({ credentialId: 'A', authenticatorData: 7 }));
    await refused(sleeper, 'fresh-refused');
    instead((fresh) => fresh);
    await renewal(sleeper);
  });

  it.each([
    ['a security key', securityKey],
    ['an iPhone', appAttest],
  ] as const)('when the counter of %s went back, or stood still', async (_what, make) => {
    let rewind: (to: number) => unknown = () => undefined;
    const sleeper = await due(async (own) => {
      const made = await make(own);
      rewind = made.rewind;
      return made.attester;
    });
    rewind(40);
    const identity = await renewal(sleeper);
    await place.sleep(35 * DAY);
    const later = { ...sleeper, identity };
    rewind(39);
    await refused(later, 'fresh-counter');
    rewind(40);
    await refused(later, 'fresh-counter');
    rewind(41);
    await renewal(later);
  });

  it('when the same answer is sent once more in another request', async () => {
    const sleeper = await due(kinds['app-attest']!.attester);
    await renewal(sleeper);
    const [, first] = sent;
    const again = await app.request('/v1/renewals', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ ...first, overdue: true }),
    });
    expect([again.status, ((await again.json()) as { reason: string }).reason]).toEqual([422, 'challenge-used']);
  });

  it.each([
    ['an older patch level', { 706: int(202_511) }],
    ['another verified-boot key', { 704: android.rootOfTrust({ key: new Uint8Array(32).fill(5) }) }],
  ])('when the phone has %s than the one that enrolled', async (_what, hardware) => {
    const sleeper = await due(kinds['android-keystore']!.attester);
    await refused({ ...sleeper, attester: keystore(hardware) }, 'posture-worse');
    await refused({ ...sleeper, attester: keystore({ 704: android.rootOfTrust({ state: 2 }) }) }, 'fresh-refused');
    await renewal(sleeper);
  });

  it.skipIf(!swtpmInstalled)('when another attestation key, or another key, was certified in its place', async () => {
    const sleeper = await due(tpm);
    const second = await startSwtpm();
    const stranger = await TpmIdentity.create(second.tpm);
    await refused({ ...sleeper, attester: tpmAttester(stranger) }, 'fresh-refused');
    await stranger.close();
    await second.stop();
    instead((fresh) => ({ ...fresh, certify: null }));
    await refused(sleeper, 'fresh-refused');
    instead((fresh) => fresh);
    await renewal(sleeper);
  });

  it('when the evidence was condemned meanwhile, however fresh', async () => {
    const sleeper = await due(kinds['android-keystore']!.attester);
    const hash = base64url(readIdentity(sleeper.identity.chain[0]!)!.assurance.evidence);
    await place.db.rejudging.condemned('a run', hash, 'revoked-by-list');
    await refused(sleeper, 'evidence-condemned');
    await refused(sleeper, 'evidence-condemned', { attester: undefined, overdue: true });
  });
});

describe('new evidence', () => {
  it('in place of a credential that was lost: the certificate names it, and the next proof is by the new credential', async () => {
    const sleeper = await asleep(kinds['webauthn']!.attester);
    await place.sleep(35 * DAY);
    const { attester } = await securityKey(sleeper.config);
    const replacing: Attester = { ...attester, show: (transcript, context) => attester.attest(transcript, context) };
    const identity = await renewal({ ...sleeper, attester: replacing });
    const evidenceOf = ({ chain }: Identity) => base64url(readIdentity(chain[0]!)!.assurance.evidence);
    expect(evidenceOf(identity)).not.toBe(evidenceOf(sleeper.identity));
    expect(readIdentity(identity.chain[0]!)?.key).toEqual(readIdentity(sleeper.identity.chain[0]!)?.key);
    await place.sleep(35 * DAY);
    await refused({ ...sleeper, identity }, 'fresh-key');
    await renewal({ ...sleeper, identity, attester });
  });

  it('of a phone’s posture is kept beside that of its key, and the certificate goes on naming the key’s', async () => {
    const sleeper = await asleep(kinds['android-keystore']!.attester);
    await place.sleep(35 * DAY);
    const identity = await renewal(sleeper);
    const [before, now] = [sleeper.identity, identity].map(({ chain }) => readIdentity(chain[0]!)!.assurance);
    expect(now).toEqual(before);
    const run = { id: 'r', kind: 'policy', version: 'v', state: 'open', startedAt: 0, pass: 1 } as const;
    const start = { ...run, cursorAt: 0, cursorId: '', judged: 0, unclear: 0 };
    const judged = await place.db.rejudging.candidates(start, 'all', simulator.now, 1_000);
    expect(judged.filter(({ device }) => device === identity.device)).toHaveLength(2);
  });

  it('that another account’s key stands on is refused', async () => {
    const [first, second] = [await asleep(kinds['webauthn']!.attester), await asleep(kinds['webauthn']!.attester)];
    await place.sleep(35 * DAY);
    const stolen: Attester = {
      ...second.attester,
      show: (transcript, context) => first.attester.attest(transcript, context),
    };
    await refused({ ...second, attester: stolen }, 'key-in-use');
  });
});
