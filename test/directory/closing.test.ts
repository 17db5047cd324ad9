/** An account's owner asks what is kept of it, and ends it: over HTTP and the courier with the SDK, and looked for in every file of the server. */
import * as v from 'valibot';
import { afterEach, expect, it } from 'vitest';
import { ACCOUNT_EXPORT } from '../../src/actors/account/export.ts';
import { DEVICE_EXPORT } from '../../src/actors/device/export.ts';
import { handleHash } from '../../src/http/handles.ts';
import { openSecrets } from '../../src/hosts/secrets.ts';
import { AccountExport } from '../../src/protocol/api.ts';
import { naming, storedRows } from './stores.ts';
import { eventually, openTown, type Town } from './town.ts';

let town: Town | null = null;
afterEach(() => town?.server.stop());

/** What stays, and in which tables: docs/storage.md §8. The handle itself stands nowhere. */
const STAYS = {
  handle: new Set<string>(),
  hash: new Set(['handle', 'account_sought', 'sent_code']),
  account: new Set(['event', 'erasure', 'account_history', 'device_row', 'call_state', 'port_sent', 'port_heard']),
  device: new Set(['event', 'certificate', 'device_row', 'call_state', 'port_sent', 'port_heard']),
};

/** What an export’s row may have: the columns that the export names, no others. */
function columnsOf(rows: readonly unknown[]): string[] {
  return [...new Set(rows.flatMap((row) => Object.keys(row as object)))];
}

it.each(['deno', 'workerd'] as const)(
  'bob reads what is kept of him and nobody else, closes his account, and no file names him but where the documentation says so: %s',
  async (host) => {
    town = await openTown(host);
    const [bob, alice] = [await town.person(), await town.person()];
    const [address, hers] = [`leaving-${host}@example.com`, `staying-${host}@example.com`];
    await bob.prove(address);
    await alice.prove(hers);
    await bob.online();
    await alice.online();
    await alice.client.find(address, { claim: true });
    await bob.client.find(hers);
    const { account, device } = bob.identity;

    // The index of certificates is fed by events.
    const document = await eventually(
      'the index',
      () => bob.client.own.export(),
      ({ directory }) => (directory['certificate']?.length ?? 0) > 0,
    );
    expect(v.safeParse(AccountExport, document).success).toBe(true);
    for (const [table, rows] of Object.entries(document.account))
      expect(columnsOf(rows).filter((name) => !ACCOUNT_EXPORT[table]?.includes(name))).toEqual([]);
    expect(Object.keys(document.devices)).toEqual([device]);
    for (const [table, rows] of Object.entries(document.devices[device]!))
      expect(columnsOf(rows).filter((name) => !DEVICE_EXPORT[table]?.includes(name))).toEqual([]);
    expect(document.account['account_handle']).toMatchObject([{ handle: `mail1:${address}` }]);
    const text = JSON.stringify(document, null, 2);
    for (const other of [alice.identity.account, alice.identity.device, hers]) expect(text).not.toContain(other);

    // A call, so that there is something of bob at alice and in a third place.
    const peer = (await alice.client.find(address, { claim: true }))!;
    const call = alice.client.call(peer);
    await eventually(
      'it rings',
      () => call.phase,
      (phase) => phase === 'remote-ringing',
    );
    call.hangup();
    await eventually(
      'history',
      () => bob.client.history(),
      ({ length }) => length === 1,
    );

    expect(await bob.client.own.close()).toBe(true);
    await eventually(
      'closed',
      () => bob.closed,
      (code) => code === 4401,
    );
    await expect(bob.client.history()).rejects.toMatchObject({ code: 'refused' });
    expect(await alice.client.find(address)).toBeNull();
    bob.client.close();
    alice.client.close();

    await town.server.kill();
    const rows = storedRows(town.server.folder);
    const keys = (await openSecrets(town.secrets, town.server.url, 'development')).keys;
    const named = {
      handle: naming(rows, address),
      hash: naming(rows, handleHash({ keys }, `mail1:${address}`)),
      account: naming(rows, account),
      device: naming(rows, device),
    };
    for (const [what, tables] of Object.entries(named))
      expect({ what, tables: tables.filter((table) => !STAYS[what as keyof typeof STAYS].has(table)) }).toEqual({
        what,
        tables: [],
      });
    // And no row joins the handle's hash with whose it was.
    const hash = handleHash({ keys }, `mail1:${address}`);
    expect(rows.filter(({ text }) => text.includes(hash) && text.includes(account))).toEqual([]);
    // The search sees what is there: alice, who stays.
    expect(naming(rows, hers)).toContain('account_handle');
    expect(naming(rows, alice.identity.account)).toEqual(expect.arrayContaining(['account_head', 'key_owner']));
  },
);
