import { getTableName, isTable } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ACCOUNT_EXPORT } from '../../src/actors/account/export.ts';
import { accountTables } from '../../src/actors/account/schema.ts';
import { callTables } from '../../src/actors/call/schema.ts';
import { DEVICE_EXPORT } from '../../src/actors/device/export.ts';
import { deviceTables } from '../../src/actors/device/schema.ts';
import type { Actors } from '../../src/actors/port.ts';
import { PORT_TABLES } from '../../src/actors/kernel/schema.ts';
import * as d1 from '../../src/db/schema.ts';
import { NOT_EXPORTED } from '../../src/http/export.ts';
import { eraseAccounts } from '../../src/jobs/erasure.ts';
import { AccountClosed } from '../../src/protocol/api.ts';
import { Page } from '../docs/page.ts';
import { type Member, Members } from '../support/members.ts';

const DAY = 86_400_000;
let members: Members;
beforeAll(async () => {
  members = await Members.open();
});
afterAll(() => members.close());

const tables = [
  ...Object.values(d1).filter(isTable).map(getTableName),
  ...PORT_TABLES,
  ...accountTables,
  ...deviceTables,
  ...callTables,
];
const rowsOf = (table: string, name: string) =>
  members.place.simulator.rows(`SELECT 1 FROM ${table} WHERE actor = ?1`, name).length;
const ground = (actors: Pick<Actors, 'command'> = members.place.actors) => ({
  actors: actors as Actors,
  db: members.place.db,
  hashOf: (handle: string) => hashes.get(handle) ?? handle,
  quarantineMs: 7 * DAY,
});
const hashes = new Map<string, string>();

async function household(address: string): Promise<{ phone: Member; tablet: Member }> {
  const phone = await members.member();
  await phone.client.publishKeys();
  await members.addHandle(phone, address);
  const tablet = await members.member({ sponsor: await phone.client.sponsor() });
  await tablet.client.publishKeys();
  await phone.client.refreshOwnChain();
  return { phone, tablet };
}

it('every table is in the export or left out with a reason, and the page of tables knows no other', async () => {
  const { phone } = await household('export-tables@example.com');
  const document = await phone.client.own.export();
  const held = new Set([
    ...Object.keys(ACCOUNT_EXPORT),
    ...Object.keys(DEVICE_EXPORT),
    ...Object.keys(document.directory),
  ]);
  expect(tables.filter((table) => !held.has(table) && !(table in NOT_EXPORTED))).toEqual([]);
  expect([...held].filter((table) => table in NOT_EXPORTED || !tables.includes(table))).toEqual([]);
  const page = new Page('docs/storage.md');
  const named = page.rows.flatMap(([first = '']) =>
    [...first.matchAll(/`([a-z0-9_]+)`/g)].map(([, name]) => name ?? ''),
  );
  const listed = named.filter((name) => /^(account|device|call|port|host)_/.test(name));
  expect(listed.length).toBeGreaterThan(40);
  expect(listed.filter((name) => !held.has(name) && !(name in NOT_EXPORTED))).toEqual([]);
});

it('an export is one document of what is kept of one account and nobody else’s, without keys that make anything', async () => {
  const { phone, tablet } = await household('export@example.com');
  const other = await members.member();
  await members.addHandle(other, 'export-other@example.com');
  await members.ship();
  const document = await phone.client.own.export();
  const { account, device } = phone.client.identity;
  expect(document.about).toMatchObject({ account });
  expect(document.account['account_handle']).toMatchObject([{ handle: 'mail1:export@example.com' }]);
  expect(document.account['account_manifest']).toHaveLength(3);
  expect(Object.keys(document.devices).toSorted()).toEqual([device, tablet.client.identity.device].toSorted());
  expect(document.directory['evidence']).toMatchObject([{ verdict: { decision: 'accept' } }, {}]);
  expect(document.directory['handle']).toMatchObject([{ account }]);
  expect(document.directory['event']?.length).toBeGreaterThan(2);
  const text = JSON.stringify(document);
  expect(text).not.toContain(other.client.identity.account);
  expect(text).not.toContain('export-other');
  const secrets = members.place.simulator.rows<{ secret: string }>(`SELECT secret FROM account_key`);
  for (const { secret } of secrets) expect(text).not.toContain(secret);
});

it('a closed account is gone: requests, lookups and rows of every table, and its handle waits in quarantine', async () => {
  const { phone, tablet } = await household('closing@example.com');
  const alice = await members.member();
  expect((await alice.client.find('closing@example.com'))?.devices).toHaveLength(2);
  await alice.client.find('closing@example.com', { claim: true });
  await members.ship();
  const { account } = phone.client.identity;
  const devices = [phone, tablet].map(({ client }) => client.identity.device);
  expect(await phone.client.own.close()).toBe(true);
  await members.ship();

  for (const { client } of [phone, tablet]) await expect(client.history()).rejects.toMatchObject({ code: 'refused' });
  expect(await alice.client.find('closing@example.com')).toBeNull();
  for (const table of accountTables) expect([table, rowsOf(table, account)]).toEqual([table, 0]);
  for (const table of deviceTables) for (const one of devices) expect([table, rowsOf(table, one)]).toEqual([table, 0]);
  const left = await members.place.db.personal.export(account);
  const { event, erasure, ...rest } = left;
  expect(Object.entries(rest).filter(([, rows]) => rows.length > 0)).toEqual([]);
  expect(erasure).toMatchObject([{ account, doneAt: expect.any(Number) }]);
  expect(event?.length).toBeGreaterThan(0);
  expect(JSON.stringify(event)).not.toContain('closing@');

  const heir = await members.member();
  await expect(members.addHandle(heir, 'closing@example.com')).rejects.toMatchObject({ reason: 'handle-held' });
  await members.pass(7 * DAY);
  await heir.client.renew();
  // A deployment whose quarantine is longer keeps what it needs for it.
  const { personal } = members.place.db;
  await personal.sweep(members.place.simulator.now + 1, 30 * DAY);
  expect((await personal.export(''))['handle']).toHaveLength(1);
  await personal.sweep(members.place.simulator.now + 1, 7 * DAY);
  expect((await personal.export(''))['handle']).toEqual([]);
  await members.addHandle(heir, 'closing@example.com');
  await heir.client.publishKeys();
  await alice.client.renew();
  const found = await alice.client.find('closing@example.com');
  expect(found).toMatchObject({ account: heir.client.identity.account, changedFrom: account, reset: false });
});

it('an erasure that stopped anywhere is finished by the chore, and a wish that closed nothing is forgotten', async () => {
  const { phone } = await household('stopped@example.com');
  const { account } = phone.client.identity;
  const { db, actors, simulator } = members.place;
  await db.personal.request(account, simulator.now);
  await eraseAccounts(ground(), simulator.now);
  expect(await db.personal.requested()).toEqual([]);
  expect(await phone.client.history()).toEqual([]);

  await db.personal.request(account, simulator.now);
  await actors.command({ kind: 'account', name: account }, 'close', {
    do: 'close',
    device: phone.client.identity.device,
    request: null,
  });
  for (let reach = 0; ; reach++) {
    let left = reach;
    const dying: Pick<Actors, 'command'> = {
      command: (to, key, body) =>
        left-- > 0 ? actors.command(to, key, body) : Promise.resolve({ ok: false, reason: 'unavailable' }),
    };
    await eraseAccounts(ground(dying), simulator.now);
    if ((await db.personal.requested()).length === 0) break;
    expect(reach).toBeLessThan(30);
  }
  await eraseAccounts(ground(), simulator.now);
  for (const table of accountTables) expect([table, rowsOf(table, account)]).toEqual([table, 0]);
});

it('a device of less than a week closes nothing while an older one is there, and nobody closes another’s', async () => {
  const { phone, tablet } = await household('young-closing@example.com');
  await expect(tablet.client.own.close()).rejects.toMatchObject({ reason: 'signer-too-new' });
  const asked = tablet.client.api.ask(AccountClosed, {
    method: 'POST',
    path: '/v1/account/closure',
    body: { account: 'a'.repeat(52) },
  });
  await expect(asked).rejects.toMatchObject({ reason: 'account-mismatch' });
  expect(await phone.client.history()).toEqual([]);
  expect(await members.place.db.personal.requested()).toEqual([]);
});
