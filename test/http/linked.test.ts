/** Browsers that cannot attest: an attested device of the account vouches for them, and they end with it. */
import { afterAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import { type Policy, policies } from '../../src/attestation/index.ts';
import { readIdentity } from '../../src/identity/certificate.ts';
import {
  androidKeystoreAttester,
  type ClientConfig,
  defaultConfig,
  enroll,
  type Enrolled,
  linkedAttester,
  memoryStore,
  type Sponsor,
  webCrypto,
} from '../../src/sdk/index.ts';
import * as phone from '../attestation/support/android-chain.ts';
import * as ca from '../attestation/support/ca.ts';
import { makeChain } from '../attestation/support/chain.ts';
import { signer } from '../support/enrolling.ts';
import { inProcess, ORIGIN } from '../support/in-process.ts';

const place = await inProcess();
afterAll(() => place.stop());
const { simulator } = place;
const store = phone.trust({ fetchedAt: simulator.now, entries: new Map() });
const trust = { base: store, current: async () => store, reload: async () => store };
/** Whoever the phone's application is. */
const named = (policy: Policy): Policy => ({ ...policy, android: { ...policy.android, applications: 'any' } });
let policy = named(policies.consumer);
const services = await place.services({ trust });
const app = createApp(() => ({ ...services, policy }));

function config(): ClientConfig {
  const { deployment, keys } = services;
  const own = { deployment: deployment.id, origin: ORIGIN, roots: [keys.root.slice()], crypto: webCrypto() };
  const fetch = async (url: string, init: RequestInit) => app.request(url.slice(ORIGIN.length), init);
  return { ...defaultConfig({ ...own, store: memoryStore() }), now: () => simulator.now, fetch };
}

/** A phone whose key lives in its Keystore. */
const keystore = () =>
  androidKeystoreAttester(async (challenge) => {
    const key = await ca.makeKey();
    const { ders } = await makeChain(phone.remote(phone.leaf({ challenge }, { key })));
    return { ...signer(key), certificateChain: ders };
  });

const sponsorOf = ({ identity, head }: Enrolled): Sponsor => ({
  account: identity.account,
  head,
  sign: async () => ({ kid: identity.device, key: identity.key }),
});
const voucherOf = ({ identity }: Enrolled) => ({ device: identity.device, sign: identity.key.sign });

/** Joins `beside`'s account, with the word of `voucher`. */
async function link(beside: Enrolled, voucher = voucherOf(beside)): Promise<Enrolled> {
  const own = config();
  return enroll(own, linkedAttester(own.crypto, voucher), { sponsor: sponsorOf(beside) });
}

async function statusOf({ identity }: Enrolled): Promise<unknown> {
  const key = Buffer.from(readIdentity(identity.chain[0]!)!.key).toString('base64url');
  const command = { do: 'authorize', device: identity.device, key };
  const to = { kind: 'account', name: identity.account } as const;
  const answer = await place.actors.command(to, `look ${identity.device} ${simulator.now}`, command);
  const { ok, reason } = (answer as unknown as { value: { ok: boolean; reason?: string } }).value;
  return ok ? 'in force' : reason;
}

async function revoke({ identity }: Enrolled, by: string): Promise<void> {
  const command = { do: 'revoke', device: identity.device, reason: 'lost', by };
  await place.actors.command({ kind: 'account', name: identity.account }, `revoke ${identity.device}`, command);
}

describe('a linked browser', () => {
  it('says in its certificate that another device vouched, and of what hardware that one is', async () => {
    const browser = await link(await enroll(config(), keystore()));
    expect(readIdentity(browser.identity.chain[0]!)!.assurance).toMatchObject({
      format: 'linked',
      binding: 'vouched',
      attestedKeyHardware: 'tee',
      identityKeyHardware: 'unproven',
    });
  });

  it.each(['standard', 'strict'] as const)('is refused under `%s`', async (name) => {
    const owner = await enroll(config(), keystore());
    policy = named(policies[name]);
    await expect(link(owner)).rejects.toMatchObject({ reason: 'policy' });
    policy = named(policies.consumer);
  });

  it('is refused without a device of that account that signed', async () => {
    const [owner, stranger] = [await enroll(config(), keystore()), await enroll(config(), keystore())];
    await expect(link(owner, voucherOf(stranger))).rejects.toMatchObject({ reason: 'hardware' });
    const { sign } = voucherOf(stranger);
    await expect(link(owner, { ...voucherOf(owner), sign })).rejects.toMatchObject({ reason: 'signature' });
    const own = config();
    const first = enroll(own, linkedAttester(own.crypto, voucherOf(owner)));
    await expect(first).rejects.toMatchObject({ reason: 'hardware' });
  });

  it('vouches for nobody', async () => {
    const browser = await link(await enroll(config(), keystore()));
    await expect(link(browser)).rejects.toMatchObject({ reason: 'hardware' });
  });

  it('is one of at most three', async () => {
    const owner = await enroll(config(), keystore());
    let last = owner;
    for (let n = 0; n < 3; n += 1) last = { ...owner, head: (await link(last, voucherOf(owner))).head };
    await expect(link(last)).rejects.toMatchObject({ reason: 'too-many-linked', status: 422 });
  });

  it.each(['owner', 'operator', 'condemned'])('ends with its voucher, whom the %s took out of service', async (by) => {
    const owner = await enroll(config(), keystore());
    const browser = await link(owner);
    const another = await enroll(config(), keystore(), { sponsor: sponsorOf({ ...owner, head: browser.head }) });
    expect(await statusOf(browser)).toBe('in force');
    await revoke(owner, by);
    expect(await statusOf(browser)).toBe('device-revoked');
    expect(await statusOf(another)).toBe('in force');
  });
});
