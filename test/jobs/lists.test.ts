import { beforeEach, describe, expect, it } from 'vitest';
import type { Repositories } from '../../src/db/repositories.ts';
import { acceptList } from '../../src/jobs/lists/accept.ts';
import { FETCH_AGAIN_MS, type Lists, refreshLists, STALE_MS } from '../../src/jobs/lists/chore.ts';
import { fetchList, type Fetcher, LIST_HOSTS, listUrlProblem } from '../../src/jobs/lists/fetch.ts';
import { LISTS_LIFE_MS, TrustInForce } from '../../src/jobs/lists/in-force.ts';
import type { ListName } from '../../src/jobs/lists/stored.ts';
import { TEST_NOW } from '../attestation/support/ca.ts';
import { openDatabase } from './database.ts';
import { metadataService, statusList } from './mds.ts';

const service = await metadataService();
const other = await metadataService();
const AAGUID = '01020304-0506-0708-0102-030405060708';
const entry = (status: string) => ({
  aaguid: AAGUID,
  statusReports: [{ status, effectiveDate: '2020-01-01' }],
  metadataStatement: {
    description: 'TEST key',
    attestationRootCertificates: [Buffer.from(service.root).toString('base64')],
    keyProtection: ['hardware'],
    attestationTypes: ['basic_full'],
  },
});
const REVOKED = { status: 'REVOKED', reason: 'KEY_COMPROMISE' };

let db: Repositories;
let now = TEST_NOW;
beforeEach(() => {
  db = openDatabase();
  now = TEST_NOW;
});

const offer = (name: ListName, bytes: Uint8Array, fetchedAt = now) =>
  acceptList(db, service.trust, { name, bytes, fetchedAt, now });
const store = () => new TrustInForce(service.trust, db.lists, () => now);
const told = async () => (await db.events.after(0, null, 100)).map(({ row }) => [row.type, row.subject, row.reason]);

describe('a list that is offered', () => {
  it('comes into force as the verifier reads it, with the time at which it was fetched', async () => {
    expect(await offer('mds', await service.sign(7, [entry('REVOKED')]))).toEqual({
      ok: true,
      version: 7,
      changed: true,
    });
    expect(await offer('android-status', statusList({ '0aBC': REVOKED }), now - 5)).toMatchObject({ changed: true });
    const { metadata, androidStatus } = await store().current();
    expect(metadata).toMatchObject({ no: 7, fetchedAt: now });
    const read = metadata?.entries.get(AAGUID);
    expect(read).toMatchObject({ description: 'TEST key', statusReports: [{ status: 'REVOKED', certificate: null }] });
    expect(read?.roots).toEqual([{ certificate: Uint8Array.from(service.root), shared: false }]);
    expect(androidStatus?.fetchedAt).toBe(now - 5);
    expect([...(androidStatus?.entries ?? [])]).toEqual([['abc', REVOKED]]);
    expect(await told()).toEqual([
      ['list.imported', 'mds', null],
      ['list.imported', 'android-status', null],
    ]);
  });

  it('is refused whole when its signer, its signature or its form is wrong, and the one in force stays', async () => {
    await offer('mds', await service.sign(7, []));
    const signed = await service.sign(8, []);
    const changed = Uint8Array.from(signed, (byte, i) => (i === signed.length - 9 ? byte ^ 1 : byte));
    expect(await offer('mds', changed)).toMatchObject({ ok: false });
    expect(await offer('mds', await other.sign(8, []))).toMatchObject({ ok: false });
    expect(await offer('mds', new Uint8Array(17 * 1024 * 1024))).toMatchObject({ reason: 'too-large' });
    expect(await offer('android-status', statusList({ xyz: REVOKED }))).toMatchObject({ reason: 'malformed' });
    expect((await store().current()).metadata?.no).toBe(7);
    expect((await told()).filter(([type]) => type === 'list.refused').length).toBeGreaterThan(2);
  });

  it('never goes back: not to a lower number, not to another list of the same number, not to an earlier fetch', async () => {
    await offer('mds', await service.sign(7, [entry('REVOKED')]));
    expect(await offer('mds', await service.sign(6, []))).toMatchObject({ reason: 'rollback' });
    expect(await offer('mds', await service.sign(7, []))).toMatchObject({ reason: 'rollback' });
    await offer('android-status', statusList({ a: REVOKED }));
    expect(await offer('android-status', statusList({}), now - 1)).toMatchObject({ reason: 'rollback' });
    expect(await offer('android-status', statusList({}), now + 1)).toMatchObject({ reason: 'from-the-future' });
    const { metadata, androidStatus } = await store().current();
    expect(metadata?.entries.size).toBe(1);
    expect(androidStatus?.entries.size).toBe(1);
  });

  it('is no new version when it says the same, only younger', async () => {
    const first = await offer('android-status', statusList({ a: REVOKED, b: REVOKED }));
    now += 1_000;
    expect(await offer('android-status', statusList({ b: REVOKED, a: REVOKED }))).toEqual({ ...first, changed: false });
    expect((await store().current()).androidStatus?.fetchedAt).toBe(now);
  });

  it('keeps three versions and no more', async () => {
    for (let i = 0; i < 5; i++) {
      now += 1;
      await offer('android-status', statusList({ [`a${i}`]: REVOKED }));
    }
    expect([...((await store().current()).androidStatus?.entries.keys() ?? [])]).toEqual(['a4']);
  });
});

describe('the lists in force', () => {
  it('are read at most once a minute, and a list itself only when it is another one', async () => {
    const asked = { heads: 0, newest: 0 };
    const counted: Repositories['lists'] = {
      heads: async () => (asked.heads++, db.lists.heads()),
      newest: async (name) => (asked.newest++, db.lists.newest(name)),
      put: (...given) => db.lists.put(...given),
      seen: (...given) => db.lists.seen(...given),
    };
    await offer('android-status', statusList({ a: REVOKED }));
    const trust = new TrustInForce(service.trust, counted, () => now);
    for (let i = 0; i < 20; i++) await trust.current();
    expect(asked).toEqual({ heads: 1, newest: 1 });
    now += LISTS_LIFE_MS;
    await offer('android-status', statusList({ a: REVOKED }));
    expect((await trust.current()).androidStatus?.fetchedAt).toBe(now);
    expect(asked).toEqual({ heads: 2, newest: 1 });
    now += 1;
    await offer('android-status', statusList({ a: REVOKED, b: REVOKED }));
    expect((await trust.current()).androidStatus?.entries.size).toBe(1);
    now += LISTS_LIFE_MS;
    expect((await trust.current()).androidStatus?.entries.size).toBe(2);
  });

  it('stay while the database does not answer; without any, nothing is judged', async () => {
    let answers = true;
    const failures: unknown[] = [];
    const shaky: Repositories['lists'] = {
      ...db.lists,
      heads: async () => {
        if (answers) return db.lists.heads();
        throw new Error('down');
      },
      newest: (name) => db.lists.newest(name),
    };
    await offer('android-status', statusList({ a: REVOKED }));
    const trust = new TrustInForce(
      service.trust,
      shaky,
      () => now,
      (error) => failures.push(error),
    );
    await trust.current();
    answers = false;
    now += LISTS_LIFE_MS;
    expect((await trust.current()).androidStatus?.entries.size).toBe(1);
    expect(failures).toHaveLength(1);
    await expect(new TrustInForce(service.trust, shaky, () => now).current()).rejects.toThrow('down');
  });
});

const source = { url: `https://${LIST_HOSTS[1]}/attestation/status`, hosts: LIST_HOSTS };
const never: Fetcher = () => new Promise(() => {});

describe('fetching', () => {
  it.each([
    ['http://android.googleapis.com/attestation/status'],
    ['https://lists.example/status'],
    ['https://android.googleapis.com:8443/status'],
    ['https://who@android.googleapis.com/status'],
    ['https://android.googleapis.com.lists.example/'],
    ['file:///etc/passwd'],
    [''],
  ])('asks nobody at %s', async (url) => {
    expect(listUrlProblem({ ...source, url })).not.toBeNull();
    const asked: string[] = [];
    const fetcher: Fetcher = async (to) => (asked.push(to), new Response(''));
    expect(await fetchList({ ...source, url }, fetcher)).toEqual({ ok: false, reason: 'url' });
    expect(asked).toEqual([]);
  });

  it('follows no redirect, waits for nobody, and stops reading at the limit', async () => {
    let mode: unknown;
    const redirected: Fetcher = async (_, init) => {
      mode = init.redirect;
      return new Response(null, { status: 302, headers: { Location: 'https://android.googleapis.com/other' } });
    };
    expect(await fetchList(source, redirected)).toEqual({ ok: false, reason: 'status' });
    expect(mode).toBe('manual');
    const hanging: Fetcher = (_, { signal }) =>
      new Promise((__, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted'))));
    expect(await fetchList(source, hanging, 20)).toEqual({ ok: false, reason: 'timeout' });
    let given = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        given += 1;
        controller.enqueue(new Uint8Array(1024 * 1024));
      },
    });
    expect(await fetchList(source, async () => new Response(endless))).toEqual({ ok: false, reason: 'too-large' });
    expect(given).toBeLessThan(20);
  });

  it('the chore fetches what is due, and once', async () => {
    const asked: string[] = [];
    const lists: Lists = {
      db,
      trust: store(),
      sources: new Map([['android-status', source]]),
      fetcher: async (url) => {
        asked.push(url);
        return new Response(statusList({ a: REVOKED }));
      },
    };
    await refreshLists(lists, now);
    await refreshLists(lists, now + 300_000);
    expect(asked).toEqual([source.url]);
    await refreshLists(lists, now + FETCH_AGAIN_MS);
    expect(asked).toHaveLength(2);
    expect(await told()).toEqual([['list.imported', 'android-status', null]]);
  });

  it('a list that cannot be fetched stays in force, is told refused at most once an hour, and stale once a day', async () => {
    const lists: Lists = { db, trust: store(), sources: new Map([['android-status', source]]), fetcher: never };
    await offer('android-status', statusList({ a: REVOKED }));
    const failing = { ...lists, fetcher: async () => new Response('no', { status: 503 }) };
    for (let at = now; at < now + STALE_MS + 900_000; at += 300_000) await refreshLists(failing, at);
    expect((await store().current()).androidStatus?.entries.size).toBe(1);
    const types = (await told()).map(([type]) => type);
    expect(types.filter((type) => type === 'list.refused').length).toBeLessThanOrEqual(20);
    expect(types.filter((type) => type === 'list.stale')).toHaveLength(1);
  });
});
