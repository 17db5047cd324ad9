/** Forgeries on both sides: an adversarial client against the real server, and an adversarial server in front of the SDK. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { base64url } from '../../src/bytes/base64url.ts';
import type { Head } from '../../src/directory/manifest/head.ts';
import { genesisOf, successor } from '../../src/directory/manifest/write.ts';
import { type KnownHead, KeyStatus, LookupReply, ManifestReply, ManifestsReply } from '../../src/protocol/api.ts';
import { publishBundle } from '../../src/sdk/prekeys.ts';
import type { Manifest, SignedManifest } from '../../src/protocol/manifest.ts';
import { spkiOf } from '../../src/sdk/crypto/point.ts';
import { webCrypto } from '../../src/sdk/crypto/webcrypto.ts';
import type { SigningKey } from '../../src/sdk/crypto/provider.ts';
import { signManifest, verifyChain } from '../../src/sdk/manifests.ts';
import { type Between, type Member, Members, rewriting } from '../support/members.ts';

const crypto = webCrypto();
let members: Members;
/** Bob: three devices, one of which was removed; alice knows him since his second version. */
let phone: Member;
let tablet: Member;
let removed: Member;
let stranger: SigningKey;
const ADDRESS = 'forged@example.com';

/** What the server answered alice about bob instead of the truth; null: the truth. */
let lie: ((answer: Answer) => unknown) | null = null;
let alice: Member;
let newcomer: () => Promise<Member>;

interface Answer {
  readonly results: readonly {
    readonly found: boolean;
    readonly account: string;
    readonly manifests: SignedManifest[];
  }[];
}

beforeAll(async () => {
  members = await Members.open();
  stranger = await crypto.generateSigningKey();
  phone = await members.member();
  await phone.client.publishKeys();
  await members.addHandle(phone, ADDRESS);
  const lying: Between = (path, init, pass) =>
    lie && path === '/v1/lookups' ? rewriting(/./, lie)(path, init, pass) : pass();
  newcomer = () => members.member({ between: lying });
  alice = await newcomer();
  await alice.client.find(ADDRESS);
  tablet = await members.member({ sponsor: await phone.client.sponsor() });
  removed = await members.member({ sponsor: await phone.client.sponsor() });
  await phone.client.own.removeDevice(removed.client.identity.device);
  await members.ship();
});
afterAll(() => members.close());

const idOf = ({ client }: Member) => ({ kid: client.identity.device, key: client.identity.key });
const now = () => members.place.simulator.now;
async function head(): Promise<Head> {
  await phone.client.refreshOwnChain();
  return (await phone.client.directory.head(phone.client.identity.account))!;
}
const entry = (key: SigningKey, id = 'a'.repeat(26)) => ({ id, key: base64url(spkiOf(key.publicKey)), addedAt: now() });

type Signer = { kid: string; key: SigningKey };

/** Each row: a manifest that must not count, and why it does not. It is made on top of bob's true head. */
const FORGERIES: readonly {
  readonly what: string;
  readonly make: (on: Head) => { manifest: Manifest; by: readonly Signer[] };
  readonly reason: string;
}[] = [
  {
    what: 'a device added without the signature of an old one',
    make: (on) => ({
      manifest: successor(on, now(), { devices: [...on.manifest.devices, entry(stranger)] }),
      by: [{ kid: 'a'.repeat(26), key: stranger }],
    }),
    reason: 'unauthorized',
  },
  {
    what: 'a device added with the signature of a removed one',
    make: (on) => ({
      manifest: successor(on, now(), { devices: [...on.manifest.devices, entry(stranger)] }),
      by: [idOf(removed), { kid: 'a'.repeat(26), key: stranger }],
    }),
    reason: 'unauthorized',
  },
  {
    what: 'a device added under an old one’s name by another key',
    make: (on) => ({
      manifest: successor(on, now(), { devices: [...on.manifest.devices, entry(stranger)] }),
      by: [
        { kid: phone.client.identity.device, key: stranger },
        { kid: 'a'.repeat(26), key: stranger },
      ],
    }),
    reason: 'signature-invalid',
  },
  {
    what: 'a removed device that comes back',
    make: (on) => ({
      manifest: successor(on, now(), {
        devices: [
          ...on.manifest.devices,
          {
            ...removed.enrolled.head.manifest.devices.find(({ id }) => id === removed.client.identity.device)!,
            addedAt: now(),
          },
        ],
      }),
      by: [idOf(phone), idOf(removed)],
    }),
    reason: 'device-reused',
  },
  {
    what: 'a skipped version',
    make: (on) => ({ manifest: { ...successor(on, now(), {}), version: on.version + 2 }, by: [idOf(phone)] }),
    reason: 'version-skipped',
  },
  {
    what: 'a version on top of another head',
    make: (on) => ({
      manifest: { ...successor(on, now(), {}), previous: base64url(new Uint8Array(32)) },
      by: [idOf(phone)],
    }),
    reason: 'previous-mismatch',
  },
  {
    what: 'a changed account id',
    make: (on) => ({
      manifest: { ...successor(on, now(), {}), account: alice.client.identity.account },
      by: [idOf(phone)],
    }),
    reason: 'account-mismatch',
  },
  {
    what: 'a capability downgrade that is signed by nobody who may',
    make: (on) => ({
      manifest: successor(on, now(), { minProtocol: 2 }),
      by: [{ kid: 'a'.repeat(26), key: stranger }],
    }),
    reason: 'unauthorized',
  },
  {
    what: 'a capability downgrade, even signed',
    make: (on) => ({ manifest: { ...successor(on, now(), {}), minProtocol: 0 }, by: [idOf(phone)] }),
    reason: 'malformed',
  },
  {
    what: 'a handle that nobody of the account signed in',
    make: (on) => ({
      manifest: successor(on, now(), {
        handles: [...on.manifest.handles, base64url(new Uint8Array(32).fill(255))].toSorted(),
      }),
      by: [{ kid: phone.client.identity.device, key: stranger }],
    }),
    reason: 'signature-invalid',
  },
  {
    what: 'a reset by a recovery key that the manifest does not name',
    make: (on) => ({
      manifest: successor(on, now(), { devices: [...on.manifest.devices, entry(stranger)] }),
      by: [recoverySigner(), { kid: 'a'.repeat(26), key: stranger }],
    }),
    reason: 'recovery-key-unknown',
  },
  {
    what: 'a reset by which a new genesis stands in for the chain',
    make: () => ({
      manifest: genesisOf({ id: 'a'.repeat(26), key: base64url(spkiOf(stranger.publicKey)) }, now(), {
        handles: [],
        recovery: { policy: 'delay', delayHours: 24, handles: [] },
        minProtocol: 1,
      }),
      by: [{ kid: 'a'.repeat(26), key: stranger }],
    }),
    reason: 'account-mismatch',
  },
];

/** By name, which is to be read whole. */
const NAMED = FORGERIES.map((one) => [one.what, one] as const);

function recoverySigner(): Signer & { jwk: { x: string; y: string } } {
  const { publicKey } = stranger;
  return {
    kid: 'recovery',
    key: stranger,
    jwk: { x: base64url(publicKey.subarray(1, 33)), y: base64url(publicKey.subarray(33)) },
  };
}

describe('the server refuses', () => {
  it.each(NAMED)('%s', async (_, { make, reason }) => {
    const before = await head();
    const { manifest, by } = make(before);
    const signed = await signManifest(manifest, by);
    const sent = phone.client.api.ask(ManifestReply, {
      method: 'POST',
      path: '/v1/manifests',
      body: { manifest: signed },
    });
    await expect(sent).rejects.toMatchObject({ code: 'refused', reason });
    expect(await head()).toEqual(before);
  });

  it('a fork, and keeps it as evidence', async () => {
    const before = await head();
    const one = await signManifest(successor(before, now(), {}), [idOf(phone)]);
    const two = await signManifest(successor(before, now() + 1, {}), [idOf(tablet)]);
    const send = (manifest: SignedManifest) =>
      phone.client.api.ask(ManifestReply, { method: 'POST', path: '/v1/manifests', body: { manifest } });
    await send(one);
    await expect(send(two)).rejects.toMatchObject({ reason: 'fork', status: 409 });
    const kept = members.place.simulator.rows(
      `SELECT 1 FROM account_manifest WHERE actor = ?1 AND version < 0`,
      phone.client.identity.account,
    );
    expect(kept).toHaveLength(1);
  });

  it('a downgrade of what was asked for before', async () => {
    const before = await head();
    const raised = await signManifest(successor(before, now(), { minProtocol: 2 }), [idOf(phone)]);
    await phone.client.api.ask(ManifestReply, { method: 'POST', path: '/v1/manifests', body: { manifest: raised } });
    const lowered = await signManifest(successor(await head(), now(), { minProtocol: 1 }), [idOf(phone)]);
    const sent = phone.client.api.ask(ManifestReply, {
      method: 'POST',
      path: '/v1/manifests',
      body: { manifest: lowered },
    });
    await expect(sent).rejects.toMatchObject({ reason: 'protocol-downgrade' });
  });
});

describe('a prekey of an old manifest, of a time when its device was not in it,', () => {
  let laptop: Member;
  /** The laptop’s bundle for version 1, signed with its right key. */
  let old: object | null = null;
  beforeAll(async () => {
    const seeing: Between = (path, init, pass) => {
      if (path === '/v1/keys/bundle') old = JSON.parse(init.body as string) as object;
      return pass();
    };
    laptop = await members.member({ sponsor: await phone.client.sponsor(), between: seeing });
    await laptop.client.publishKeys();
  });

  it('is refused by the server', async () => {
    const before = await laptop.client.api.ask(KeyStatus, { method: 'GET', path: '/v1/keys/status' });
    await expect(publishBundle(laptop.client.api, 1)).rejects.toMatchObject({
      code: 'refused',
      reason: 'manifest-version',
    });
    const after = await laptop.client.api.ask(KeyStatus, { method: 'GET', path: '/v1/keys/status' });
    expect(after.bundle).toBe(before.bundle);
  });

  it('is refused by the SDK', async () => {
    const { device } = laptop.client.identity;
    const knows = await newcomer();
    expect((await knows.client.find(ADDRESS))?.devices.map((one) => one.device)).toContain(device);
    lie = (answer) => ({
      ...answer,
      results: (answer as unknown as LookupReply).results.map((one) =>
        one.found
          ? { ...one, devices: one.devices.map((each) => (each.device === device ? { ...each, bundle: old } : each)) }
          : one,
      ),
    });
    const found = knows.client.find(ADDRESS);
    await expect(found).rejects.toMatchObject({ code: 'verification', reason: 'device-bundle-manifest-version' });
    lie = null;
  });
});

describe('a lookup that leaves out manifests', () => {
  it('is not given by the server to who says that it knows a head which is not one', async () => {
    const { account } = phone.client.identity;
    const { version, hash } = await head();
    const ask = async (known: KnownHead) => {
      const body = { handles: [ADDRESS], claim: false, known: { [account]: known } };
      const { results } = await alice.client.api.ask(LookupReply, { method: 'POST', path: '/v1/lookups', body });
      return results[0]?.found === true ? results[0].manifests.length : null;
    };
    expect(await ask({ version, hash })).toBe(0);
    expect(await ask({ version: version - 1, hash })).toBe(version);
    expect(await ask({ version, hash: base64url(new Uint8Array(32)) })).toBe(version);
    expect(await ask({ version: version + 5, hash })).toBe(version);
  });
});

describe('the SDK refuses', () => {
  /** Alice looks bob up while the server lies, and pins nothing of it. */
  async function refused(who: Member, reason: string): Promise<void> {
    const { account } = phone.client.identity;
    const before = await who.client.directory.head(account);
    await expect(who.client.find(ADDRESS)).rejects.toMatchObject({ code: 'verification', reason });
    lie = null;
    expect(await who.client.directory.head(account)).toEqual(before);
  }
  const answering = (change: (manifests: SignedManifest[]) => SignedManifest[]) => {
    lie = ({ results }: Answer) => ({
      results: results.map((one) => ({ ...one, manifests: change(one.manifests) })),
      serverNow: now(),
    });
  };

  it.each(NAMED)('%s', async (_, { make, reason }) => {
    const { manifest, by } = make(await head());
    const forged = await signManifest(manifest, by);
    answering((list) => [...list, forged]);
    await refused(alice, `manifest-${reason}`);
  });

  it('a fork of what it pinned', async () => {
    const knows = await newcomer();
    await knows.client.find(ADDRESS);
    const at = await head();
    const before = await verifyChain(crypto, at.account, null, (await chain()).slice(0, at.version - 1), now());
    const other = await signManifest(successor(before, now(), {}), [idOf(tablet)]);
    answering(() => [other]);
    await refused(knows, 'manifest-fork');
  });

  it.each([
    [
      'from the middle of the chain',
      (list: SignedManifest[]) => list.filter((_, i) => i !== 1),
      'manifest-version-skipped',
    ],
    ['from its beginning', (list: SignedManifest[]) => list.slice(1), 'manifest-version-skipped'],
    ['all', () => [], 'manifest-missing'],
    ['those that commit to the handle', (list: SignedManifest[]) => list.slice(0, 1), 'handle-not-committed'],
  ] as const)('a lookup that leaves out manifests: %s', async (_, change, reason) => {
    answering(change);
    await refused(await newcomer(), reason);
  });

  it('a lookup that leaves out the newest does not take it back behind what it knows', async () => {
    const knows = await newcomer();
    const seen = await knows.client.find(ADDRESS);
    answering(() => []);
    expect((await knows.client.find(ADDRESS))?.head.version).toBe(seen?.head.version);
    lie = null;
  });

  it('another account in the place of the one it asked about', async () => {
    const other = await members.member();
    await other.client.publishKeys();
    await members.addHandle(other, 'other-forged@example.com');
    const look = await alice.client.find('other-forged@example.com');
    const theirs = await chain(look?.account);
    lie = ({ results }: Answer) => ({
      results: results.map((one) => ({ ...one, account: other.client.identity.account, manifests: theirs })),
      serverNow: now(),
    });
    await refused(await newcomer(), 'handle-account');
  });

  async function chain(account = phone.client.identity.account): Promise<SignedManifest[]> {
    const path = `/v1/accounts/${account}/manifests?after=0`;
    return (await phone.client.api.ask(ManifestsReply, { method: 'GET', path })).manifests;
  }
});
