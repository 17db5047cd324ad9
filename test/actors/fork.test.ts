import { beforeEach, expect, it } from 'vitest';
import { draft, genesisOf, successor } from '../../src/directory/manifest/write.ts';
import type { Head } from '../../src/directory/manifest/head.ts';
import { accountIdOf } from '../../src/directory/account.ts';
import { Simulator } from '../../src/hosts/simulator/simulator.ts';
import { CALM } from '../../src/hosts/simulator/weather.ts';
import type { EventRow } from '../../src/protocol/event.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64url } from '../../src/bytes/base64url.ts';
import { actors, Town } from './people.ts';

const simulator = new Simulator({ actors });
let town: Town;
let head: Head;
let first: { device: string; key: string };

beforeEach(async () => {
  simulator.reset(1, CALM);
  town = new Town(simulator);
  first = town.phone();
  const terms = { handles: [], recovery: { policy: 'delay' as const, delayHours: 24, handles: [] }, minProtocol: 1 };
  const manifest = genesisOf({ id: first.device, key: first.key }, simulator.now, terms);
  const hash = sha256(draft(manifest).payload);
  head = { account: accountIdOf(hash), version: 1, hash: base64url(hash), manifest } as unknown as Head;
  await town.commit(head.account, town.signed(manifest, [first.device]));
});

/** Version 2 of the account, with another protocol floor to tell them apart. */
const second = (minProtocol: number) => successor(head, simulator.now, { minProtocol });
const alarms = async () => {
  const { rows } = await town.ask<{ rows: { row: EventRow }[] }>('account', head.account, { do: 'events' });
  return rows.filter(({ row }) => row.type === 'account.fork').length;
};

it('a second valid manifest of one version is kept and raises one alarm', async () => {
  expect(await town.commit(head.account, town.signed(second(2), [first.device]))).toMatchObject({ ok: true });
  const other = town.signed(second(3), [first.device]);
  expect(await town.commit(head.account, other)).toEqual({ ok: false, reason: 'fork' });
  expect(await town.commit(head.account, other)).toEqual({ ok: false, reason: 'fork' });
  expect(await alarms()).toBe(1);
});

it('one that a stranger made, or that nobody verified, is no fork', async () => {
  const kept = town.signed(second(2), [first.device]);
  await town.commit(head.account, kept);
  const forged = town.signed(second(3), [town.phone().device]);
  expect(await town.commit(head.account, forged)).toEqual({ ok: false, reason: 'unauthorized' });
  const unverified = { do: 'manifest', manifest: town.signed(second(3), [first.device]), verified: [], request: null };
  expect(await town.ask('account', head.account, unverified)).toMatchObject({ ok: false, reason: 'verify' });
  expect(await alarms()).toBe(0);
});

it('a known version that comes late is late, not forked', async () => {
  const kept = second(2);
  await town.commit(head.account, town.signed(kept, [first.device]));
  const hash = base64url(sha256(draft(kept).payload));
  const two = { ...head, version: 2, hash, manifest: kept };
  await town.commit(head.account, town.signed(successor(two, simulator.now, {}), [first.device]));
  expect(await town.commit(head.account, town.signed(kept, [first.device]))).toEqual({
    ok: false,
    reason: 'version-known',
  });
  expect(await alarms()).toBe(0);
});
