/** The life of an account as its owner lives it: HTTP and WebSocket, the SDK on both ends, on both hosts. */
import { afterEach, expect, it } from 'vitest';
import { configFor, type Deployment } from '../../demo/people.ts';
import { type HostName, type Server, startServer } from '../../demo/server.ts';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import type { AccountFrame } from '../../src/protocol/account-news.ts';
import { CLOSE } from '../../src/protocol/courier.ts';
import {
  CallsignClient,
  type ClientConfig,
  developmentAttester,
  enroll,
  type EnrollOptions,
  type Identity,
  newRecoveryKey,
  webCrypto,
} from '../../src/sdk/index.ts';
import { join, recoverWithKey } from '../../src/sdk/join.ts';
import { PATIENCE_MS } from '../support/patience.ts';

const BOB = 'bob@example.com';
let server: Server | null = null;
afterEach(async () => {
  for (const one of open.splice(0)) one.client.close();
  await server?.stop();
});

interface Screen {
  readonly client: CallsignClient;
  readonly config: ClientConfig;
  readonly news: AccountFrame[];
  closed: number | null;
}

const open: Screen[] = [];
const url = () => server?.url ?? '';

async function newDevice(): Promise<ClientConfig> {
  const deployment = (await (await fetch(`${url()}/v1/deployment`)).json()) as Deployment;
  return configFor(url(), deployment);
}

/** The device goes online and stays so. */
async function screen(config: ClientConfig, identity: Identity): Promise<Screen> {
  const { promise: online, resolve } = Promise.withResolvers<void>();
  const one: Screen = {
    config,
    news: [],
    closed: null,
    client: new CallsignClient(config, identity, {
      online: resolve,
      account: (news) => one.news.push(news),
      closed: (code) => {
        one.closed = code;
      },
    }),
  };
  open.push(one);
  await one.client.publishKeys();
  await one.client.connect();
  await online;
  return one;
}

async function person(recovery?: EnrollOptions['recovery']): Promise<Screen> {
  const config = await newDevice();
  const options = recovery ? { recovery } : {};
  return screen(config, (await enroll(config, developmentAttester(config.crypto), options)).identity);
}

async function inbox(): Promise<string> {
  const answer = await fetch(`${url()}/v1/development/inbox?handle=${encodeURIComponent(`mail1:${BOB}`)}`);
  return ((await answer.json()) as { code: string }).code;
}

async function eventually(what: string, good: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; !(await good());) {
    if (Date.now() > deadline) throw new Error(`not so: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** `sponsor` shows an invitation, a new device reads it, both show one code, and the user says so on both. */
async function linked(sponsor: Screen, between: () => Promise<void> = async () => undefined): Promise<Screen> {
  const linking = await sponsor.client.link();
  const config = await newDevice();
  const joining = await join(config, developmentAttester(config.crypto), linking.invitation);
  await between();
  const [here, there] = await Promise.all([linking.code(), joining.code()]);
  expect(there.code).toBe(here.code);
  const [device, enrolled] = await Promise.all([linking.confirm(), joining.confirm()]);
  expect(enrolled.identity.device).toBe(device);
  return screen(config, enrolled.identity);
}

it.each<HostName>(['deno', 'workerd'])(
  'bob links a tablet and a laptop, loses the tablet and removes it, loses the rest and comes back by his recovery key; alice sees one person: %s',
  async (host) => {
    server = await startServer(host, await makeDevelopmentSecrets(Date.now()), {});
    const alice = await person();
    const kept = await newRecoveryKey(webCrypto());
    const phone = await person({ policy: 'never', delayHours: 24, key: kept });
    await phone.client.addHandle(BOB, inbox);
    const first = await alice.client.find(BOB);
    await alice.client.contacts.verify(first!);

    // The server is killed while the link is under way, with the seat taken; nothing of it is lost.
    const tablet = await linked(phone, () => server!.restart());
    const laptop = await linked(tablet);
    const { account } = phone.client.identity;
    expect([tablet, laptop].map(({ client }) => client.identity.account)).toEqual([account, account]);
    const ids = [phone, tablet, laptop].map(({ client }) => client.identity.device);
    await eventually('the phone hears of the laptop', () =>
      phone.news.some((news) => news.type === 'manifest' && news.added.includes(ids[2]!)),
    );
    await phone.client.refreshOwnChain();
    expect((await alice.client.find(BOB))?.devices.map(({ device }) => device).toSorted()).toEqual(ids.toSorted());

    // The tablet is gone: one signature of the phone, and it is out of manifest, courier, requests and lookups.
    await phone.client.own.removeDevice(ids[1]!);
    await eventually('the tablet’s courier is closed', () => tablet.closed === CLOSE.revoked);
    await expect(tablet.client.history()).rejects.toMatchObject({ code: 'refused', reason: 'device-not-in-manifest' });
    expect((await alice.client.find(BOB))?.devices).toHaveLength(2);
    await expect(phone.client.own.removeDevice(ids[1]!)).rejects.toMatchObject({ reason: 'device-not-in-manifest' });

    // Phone and laptop are gone too. What was written down on the first day brings a new phone into the same account.
    for (const one of [phone, laptop]) one.client.close();
    const bare = await newDevice();
    const [attester, other] = [developmentAttester(bare.crypto), await newRecoveryKey(webCrypto())];
    const lost = recoverWithKey(bare, attester, { of: BOB, text: other.text });
    await expect(lost).rejects.toMatchObject({ code: 'refused', reason: 'recovery-refused' });
    const back = await screen(bare, (await recoverWithKey(bare, attester, { of: BOB, text: kept.text })).identity);
    expect(back.client.identity.account).toBe(account);

    // Somebody else proves the handle and asks for it: an account whose owner wanted it so is not recovered by handles.
    const thief = await person();
    await expect(thief.client.own.recoverHandles([{ handle: BOB, code: inbox }])).rejects.toMatchObject({
      code: 'refused',
      reason: 'recovery-never',
    });
    await eventually('bob hears of the claim', () => back.news.some(({ type }) => type === 'handle-claimed'));
    const last = await alice.client.find(BOB);
    expect(last).toMatchObject({ account, changedFrom: null });
    expect(await alice.client.contacts.standing(last!)).toMatchObject({ verified: true, recovered: true });
  },
);
