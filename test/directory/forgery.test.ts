/** What the server refuses of a client, and a client of the server, each forged at the other side. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { base64url, fromBase64url } from '../../src/bytes/base64url.ts';
import { accountBytes, deviceBytes } from '../../src/directory/account.ts';
import {
  batchMessage,
  batchRoot,
  type BundleOwner,
  capabilitiesMessage,
  lastResortMessage,
  signedPrekeyMessage,
} from '../../src/directory/bundle.ts';
import type { LookupReply, LookupResult } from '../../src/protocol/api.ts';
import type { KeyBundle, OneTimeKeys } from '../../src/protocol/bundle.ts';
import type { ProblemSlug } from '../../src/protocol/problem.ts';
import { CallsignClient, webCrypto } from '../../src/sdk/index.ts';
import { PROBLEMS } from '../../src/protocol/problem.ts';
import { codeFor } from '../blackbox/world.ts';
import { openTown, type Person, type Town } from './town.ts';

type Found = Extract<LookupResult, { found: true }>;
const DAY = 86_400_000;
const crypto = webCrypto();
const random = (bytes: number) => base64url(crypto.random(bytes));

/** Everything a device signs of its keys, made by hand: each part can be changed before it is signed. */
async function bundleOf(
  person: Person,
  change: { manifestVersion?: number; notBefore?: number; owner?: Person; firstId?: number } = {},
): Promise<KeyBundle> {
  const { manifestVersion = 1, notBefore = Date.now(), owner = person, firstId = 1_000 } = change;
  const of: BundleOwner = ownerOf(owner);
  const sign = async (message: Uint8Array) => base64url(await person.identity.key.sign(message));
  const dates = { manifestVersion, notBefore, expiresAt: notBefore + 21 * DAY };
  const prekey = (await crypto.generateAgreementKey()).publicKey;
  const kem = (await crypto.generateKem()).publicKey;
  const one = { ...dates, keyId: firstId };
  const two = { ...dates, keyId: firstId + 1 };
  const able = {
    manifestVersion,
    issuedAt: notBefore,
    media: ['audio', 'video'],
    codecs: ['opus'],
    protocol: { min: 1, max: 1 },
  };
  return {
    suite: 1,
    signedPrekey: { ...one, key: base64url(prekey), signature: await sign(signedPrekeyMessage(of, one, prekey)) },
    lastResort: { ...two, key: base64url(kem), signature: await sign(lastResortMessage(of, two, kem)) },
    capabilities: { ...able, signature: await sign(capabilitiesMessage(of, able)) },
  };
}

async function batchOf(person: Person, expiresAt = Date.now() + DAY): Promise<OneTimeKeys> {
  const made = await Promise.all(Array.from({ length: 3 }, () => crypto.generateAgreementKey()));
  const keys = made.map(({ publicKey }) => publicKey);
  const id = crypto.random(16);
  const root = batchRoot(5_000, keys);
  const fields = {
    batchId: base64url(id),
    manifestVersion: 1,
    firstKeyId: 5_000,
    count: 3,
    expiresAt,
    root: base64url(root),
  };
  const signature = await person.identity.key.sign(batchMessage(ownerOf(person), fields, id, root));
  return { batch: { ...fields, signature: base64url(signature) }, keys: keys.map((key) => base64url(key)) };
}

function ownerOf({ identity: { account, device } }: Person): BundleOwner {
  return { account: accountBytes(account)!, device: deviceBytes(device)! };
}

/** One byte of a base64url text changed. */
function spoilt(text: string): string {
  const bytes = fromBase64url(text)!;
  bytes[bytes.length - 1]! ^= 1;
  return base64url(bytes);
}

describe.each(['deno', 'workerd'] as const)('forgeries on %s', (host) => {
  let town: Town;
  let alice: Person;
  let bob: Person;
  let mallory: Person;
  let bobsHandle = '';
  beforeAll(async () => {
    town = await openTown(host);
    [alice, bob, mallory] = [await town.person(), await town.person(), await town.person()];
    bobsHandle = `bob-${random(4).toLowerCase().replaceAll(/[-_]/g, 'x')}@example.com`;
    await bob.prove(bobsHandle);
    await mallory.prove('mallory@example.com');
  });
  afterAll(() => town?.server.stop());

  describe('made by a client are refused by the server', () => {
    type Row = [string, ProblemSlug, string, () => Promise<Response>];
    const put = async (bundle: KeyBundle) =>
      mallory.prover.ask('PUT', '/v1/keys/bundle', { body: JSON.stringify(bundle) });
    const post = async (upload: OneTimeKeys) =>
      mallory.prover.ask('POST', '/v1/keys/one-time', { body: JSON.stringify(upload) });
    const rows: Row[] = [
      [
        'a prekey of another device',
        'refused',
        'signature-invalid',
        async () => put(await bundleOf(mallory, { owner: bob })),
      ],
      ['a bundle that another device signed', 'refused', 'signature-invalid', async () => put(await bundleOf(bob))],
      [
        'a prekey for a manifest that is not there yet',
        'refused',
        'manifest-version',
        async () => put(await bundleOf(mallory, { manifestVersion: 9 })),
      ],
      [
        'a prekey for a manifest before there was one',
        'refused',
        'manifest-version',
        async () => put(await bundleOf(mallory, { manifestVersion: 0 })),
      ],
      [
        'an expired prekey',
        'refused',
        'refused-by-age',
        async () => put(await bundleOf(mallory, { notBefore: Date.now() - 22 * DAY })),
      ],
      [
        'a prekey of the future',
        'refused',
        'refused-by-age',
        async () => put(await bundleOf(mallory, { notBefore: Date.now() + DAY })),
      ],
      [
        'a prekey whose id was used',
        'refused',
        'key-id-reused',
        async () => put(await bundleOf(mallory, { firstId: 1 })),
      ],
      [
        'a prekey changed after it was signed',
        'refused',
        'signature-invalid',
        async () => {
          const bundle = await bundleOf(mallory);
          return put({
            ...bundle,
            signedPrekey: { ...bundle.signedPrekey, key: (await bundleOf(bob)).signedPrekey.key },
          });
        },
      ],
      [
        'capabilities changed after they were signed',
        'refused',
        'signature-invalid',
        async () => {
          const bundle = await bundleOf(mallory);
          return put({ ...bundle, capabilities: { ...bundle.capabilities, media: ['audio'] } });
        },
      ],
      [
        'a one-time key that its batch did not sign',
        'bad-request',
        'not-in-batch',
        async () => {
          const upload = await batchOf(mallory);
          return post({ ...upload, keys: [...upload.keys.slice(0, 2), (await batchOf(bob)).keys[0]!] });
        },
      ],
      ['a batch that another device signed', 'refused', 'signature-invalid', async () => post(await batchOf(bob))],
      ['a batch that has ended', 'refused', 'batch-expired', async () => post(await batchOf(mallory, Date.now() - 1))],
      [
        'a handle that another account holds',
        'conflict',
        'handle-held',
        async () => {
          const { id } = await mallory.prover.read<{ id: string }>('POST', '/v1/handles', { handle: bobsHandle });
          const body = JSON.stringify({ handle: bobsHandle, code: await codeFor(town.server.url, bobsHandle) });
          return mallory.prover.ask('POST', `/v1/handles/${id}/verification`, { body });
        },
      ],
      [
        'another handle under the code of one’s own',
        'refused',
        'code-refused',
        async () => {
          const own = 'mallory@example.com';
          const { id } = await mallory.prover.read<{ id: string }>('POST', '/v1/handles', { handle: own });
          const body = JSON.stringify({ handle: bobsHandle, code: await codeFor(town.server.url, own) });
          return mallory.prover.ask('POST', `/v1/handles/${id}/verification`, { body });
        },
      ],
      [
        'another account’s handle given away',
        'not-found',
        'handle-not-held',
        () =>
          mallory.prover.ask('POST', '/v1/handles/releases', {
            body: JSON.stringify({ handle: bobsHandle, to: mallory.identity.account }),
          }),
      ],
      [
        'another account’s handle hidden',
        'not-found',
        'handle-not-held',
        () =>
          mallory.prover.ask('POST', '/v1/handles/visibility', {
            body: JSON.stringify({ handle: bobsHandle, hidden: true }),
          }),
      ],
    ];

    it.each(rows)('%s', async (_, slug, reason, forge) => {
      const before = await mallory.prover.read('GET', '/v1/keys/status');
      const answer = await forge();
      expect([answer.status, await answer.json()]).toMatchObject([PROBLEMS[slug].status, { reason }]);
      expect(await mallory.prover.read('GET', '/v1/keys/status')).toEqual(before);
      expect(await alice.client.find(bobsHandle)).toMatchObject({ account: bob.identity.account });
    });

    it('a handle that the manifest does not commit to is found by nobody until it does', async () => {
      const handle = `uncommitted-${host}@example.com`;
      const { id } = await mallory.prover.read<{ id: string }>('POST', '/v1/handles', { handle });
      const code = await codeFor(town.server.url, handle);
      await mallory.prover.read('POST', `/v1/handles/${id}/verification`, { handle, code });
      expect(await alice.client.find(handle)).toBeNull();
      await mallory.prove(handle);
      expect(await alice.client.find(handle)).toMatchObject({ account: mallory.identity.account });
    });
  });

  describe('made by the server are refused by the SDK', () => {
    /** What a lookup by somebody who never saw Bob becomes when his result is changed on its way. */
    async function seen(change: (found: Found) => Promise<Found | LookupResult> | Found | LookupResult, first = true) {
      const carol = await town.person();
      if (!first) await carol.client.find(bobsHandle, { claim: true });
      const genuine = await carol.prover.read<LookupReply>(
        'POST',
        '/v1/lookups',
        { handles: [bobsHandle], claim: true },
        { 'Idempotency-Key': random(16) },
      );
      const forged = await change(structuredClone(genuine.results[0]) as Found);
      carol.between = (path, answer) =>
        path === '/v1/lookups' ? { ...(answer as LookupReply), results: [forged] } : answer;
      return carol.client.find(bobsHandle, { claim: true });
    }
    const device = (found: Found) => found.devices[0]!;
    const with0 = (found: Found, changes: Partial<Found['devices'][number]>): Found => ({
      ...found,
      devices: [{ ...device(found), ...changes }],
    });
    const other = async (handle: string): Promise<Found> => {
      const body = { handles: [handle], claim: true };
      const reply = await alice.prover.read<LookupReply>('POST', '/v1/lookups', body, {
        'Idempotency-Key': random(16),
      });
      return reply.results[0] as Found;
    };
    type Row = [string, string, (found: Found) => Promise<Found> | Found];
    const rows: Row[] = [
      [
        'a prekey of another device',
        'device-bundle-signature-invalid',
        async (found) => with0(found, { bundle: device(await other('mallory@example.com')).bundle }),
      ],
      [
        'a prekey for a manifest that is not there',
        'device-bundle-manifest-version',
        async (found) => with0(found, { bundle: await bundleOf(bob, { manifestVersion: 99 }) }),
      ],
      [
        'an expired prekey, however genuine',
        'device-bundle-refused-by-age',
        async (found) => with0(found, { bundle: await bundleOf(bob, { notBefore: Date.now() - 91 * DAY }) }),
      ],
      [
        'a prekey of its own',
        'device-bundle-signature-invalid',
        async (found) => {
          const own = (await bundleOf(mallory)).signedPrekey;
          return with0(found, { bundle: { ...device(found).bundle, signedPrekey: own } });
        },
      ],
      [
        'capabilities without video',
        'device-bundle-signature-invalid',
        (found) => {
          const { bundle } = device(found);
          return with0(found, { bundle: { ...bundle, capabilities: { ...bundle.capabilities, media: ['audio'] } } });
        },
      ],
      [
        'capabilities of an older protocol',
        'device-bundle-signature-invalid',
        (found) => {
          const { bundle } = device(found);
          return with0(found, {
            bundle: { ...bundle, capabilities: { ...bundle.capabilities, protocol: { min: 0, max: 0 } } },
          });
        },
      ],
      [
        'a one-time key that its batch did not sign',
        'device-one-time-not-in-batch',
        async (found) =>
          with0(found, { oneTime: { ...device(found).oneTime!, key: (await batchOf(mallory)).keys[0]! } }),
      ],
      [
        'a one-time key of another device',
        'device-one-time-signature-invalid',
        async (found) => with0(found, { oneTime: device(await other('mallory@example.com')).oneTime! }),
      ],
      [
        'a one-time key of a batch that has ended',
        'device-one-time-batch-expired',
        (found) => {
          const { oneTime } = device(found);
          return with0(found, { oneTime: { ...oneTime!, batch: { ...oneTime!.batch, expiresAt: Date.now() - 1 } } });
        },
      ],
      [
        'a device that the manifest does not list',
        'device-certificate',
        async (found) => ({ ...found, devices: [device(await other('mallory@example.com'))] }),
      ],
      [
        'another account’s certificate',
        'device-certificate',
        async (found) => with0(found, { certificate: device(await other('mallory@example.com')).certificate }),
      ],
      ['another person for the handle', 'handle-handle', () => other('mallory@example.com')],
      [
        'another person under this handle’s assertion',
        'handle-account',
        async (found) => ({ ...(await other('mallory@example.com')), assertion: found.assertion }),
      ],
      [
        'an assertion of another handle',
        'handle-account',
        async (found) => ({ ...found, assertion: (await other('mallory@example.com')).assertion }),
      ],
      [
        'an assertion that is not signed by the directory',
        'handle-signature-invalid',
        (found) => {
          const [head, claims, seal] = found.assertion.split('.');
          return { ...found, assertion: `${head}.${claims}.${spoilt(seal!)}` };
        },
      ],
      [
        'a manifest with another signature',
        'manifest-signature-invalid',
        (found) => {
          const [first, ...more] = found.manifests;
          const [one, ...others] = first!.signatures;
          const forged = { ...first!, signatures: [{ ...one!, signature: spoilt(one!.signature) }, ...others] };
          return { ...found, manifests: [forged, ...more] };
        },
      ],
      [
        'a head that leaves the commitment out',
        'handle-not-committed',
        (found) => ({ ...found, manifests: found.manifests.slice(0, 1) }),
      ],
      [
        'a lookup that leaves manifests out',
        'manifest-version-skipped',
        (found) => ({ ...found, manifests: found.manifests.slice(1) }),
      ],
    ];

    it.each(rows)('%s', async (_, reason, forge) => {
      await expect(seen(forge)).rejects.toMatchObject({ code: 'verification', reason });
    });

    it('a lookup that nobody forged is accepted by the same road', async () => {
      const found = await seen((genuine) => genuine);
      expect(found).toMatchObject({ account: bob.identity.account, changedFrom: null });
      expect(found?.devices[0]?.weak).toBeNull();
    });

    it('keys that were replaced do not come back, although they are genuine', async () => {
      const before = (await other(bobsHandle)).devices[0]!.bundle;
      await bob.client.publishKeys();
      const carol = await town.person();
      await carol.client.find(bobsHandle);
      carol.between = (path, answer) => {
        if (path !== '/v1/lookups') return answer;
        const reply = answer as LookupReply;
        return { ...reply, results: reply.results.map((one) => with0(one as Found, { bundle: before })) };
      };
      await expect(carol.client.find(bobsHandle)).rejects.toMatchObject({ reason: 'device-bundle-older' });
    });

    it('a handle that leads to another account is told, and called by nobody before its user has seen it', async () => {
      const carol = await town.person();
      await carol.config.store.write([
        { collection: 'pin', id: `mail1:${bobsHandle}`, value: mallory.identity.account },
      ]);
      const peer = (await carol.client.find(bobsHandle, { claim: true }))!;
      expect(peer.changedFrom).toBe(mallory.identity.account);
      expect(() => carol.client.call(peer)).toThrow('another-account');
      expect((await carol.client.find(bobsHandle))?.changedFrom).toBe(mallory.identity.account);
      await carol.client.contacts.acknowledge(peer);
      const acknowledged = (await carol.client.find(bobsHandle, { claim: true }))!;
      expect(acknowledged.changedFrom).toBeNull();
      carol.client.call(acknowledged).hangup();
      carol.client.close();
    });

    it('a server that lost or mixed a device’s keys is found out, and gets them again', async () => {
      const dave = await town.person();
      await dave.online();
      const digest = async () => (await dave.prover.read<{ digest: string }>('GET', '/v1/keys/status')).digest;
      const own = await digest();
      expect(dave.suspicions).toEqual([]);
      await dave.prover.read('DELETE', '/v1/keys/one-time');
      dave.client.close();
      const again = new CallsignClient(dave.config, dave.identity, {
        suspicious: (about, reason) => void dave.suspicions.push(`${about}: ${reason}`),
      });
      await again.connect();
      await expect.poll(() => dave.suspicions).toEqual(['keys: server-mixed']);
      const left = async () => (await dave.prover.read<{ left: number }>('GET', '/v1/keys/status')).left;
      await expect.poll(left).toBe(100);
      expect(await digest()).not.toBe(own);
      again.close();
    });
  });
});
