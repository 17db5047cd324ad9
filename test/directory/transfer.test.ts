/** A handle changes hands, told over HTTP and the courier with the SDK on both hosts. A quarantine is a day long here. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { codeFor } from '../blackbox/world.ts';
import { eventually, openTown, type Person, type Town } from './town.ts';

const DAY_MS = 86_400_000;

describe.each(['deno', 'workerd'] as const)('a handle changes hands on %s', (host) => {
  let town: Town;
  beforeAll(async () => {
    const settings = { HANDLE_QUARANTINE_DAYS: '1', CODES_PER_HANDLE: '100', CODES_PER_ACCOUNT: '100' };
    town = await openTown(host, settings, { days: true });
  });
  afterAll(() => town?.server.stop());

  const leadsTo = async (who: Person, handle: string) => (await who.client.find(handle))?.account ?? null;
  const isHeld = { code: 'refused', reason: 'handle-held', status: 409 };

  it('with the consent of who had it: it leads to the old account until the new one has proved it, then to the new one', async () => {
    const [old, young, caller] = [await town.person(), await town.person(), await town.person()];
    const handle = `given-${host}@example.com`;
    await old.online();
    await old.prove(handle);
    expect(await leadsTo(caller, handle)).toBe(old.identity.account);

    // The new account proves it first: it must wait, and the old one’s devices hear of it.
    await expect(young.prove(handle)).rejects.toMatchObject(isHeld);
    await eventually(
      'news',
      () => old.news,
      (news) => news.length === 1,
    );
    expect(old.news[0]).toMatchObject({ type: 'handle-claimed', handle: `mail1:${handle}` });
    expect(await leadsTo(caller, handle)).toBe(old.identity.account);

    // Its owner gives it away: the next proof counts at once.
    await old.client.releaseHandle(handle, young.identity.account);
    expect(await leadsTo(caller, handle)).toBe(old.identity.account);
    await young.prove(handle);
    await eventually(
      'news',
      () => old.news,
      (news) => news.length === 2,
    );
    expect(old.news[1]).toEqual({ type: 'handle-lost', handle: `mail1:${handle}` });
    expect(await old.client.handles()).toEqual([]);

    // Who called the old account is told that it is somebody else, and calls nobody unseen.
    const peer = (await caller.client.find(handle, { claim: true }))!;
    expect(peer).toMatchObject({ account: young.identity.account, changedFrom: old.identity.account });
    expect(() => caller.client.call(peer)).toThrow('another-account');
    expect(await leadsTo(await town.person(), handle)).toBe(young.identity.account);
    old.client.close();
  });

  it('without consent: after the quarantine of an active account, by a second proof, unless its holder proves it again', async () => {
    const [old, thief, young] = [await town.person(), await town.person(), await town.person()];
    const handle = `contested-${host}@example.com`;
    await old.online();
    await old.prove(handle);

    // Somebody who gets the codes for a while proves it; the holder sees it and proves it again: that claim is over.
    await expect(thief.prove(handle)).rejects.toMatchObject(isHeld);
    await eventually(
      'news',
      () => old.news,
      (news) => news.length === 1,
    );
    await old.prove(handle);

    // A new owner of the address: the first proof starts the wait, one within it changes nothing, one after it moves the handle.
    const refused = await young.prove(handle).catch((error: unknown) => error as { retryAfterMs: number });
    expect(refused).toMatchObject({ ...isHeld, retryAfterMs: expect.any(Number) });
    const { retryAfterMs } = refused as { retryAfterMs: number };
    await expect(young.prove(handle)).rejects.toMatchObject(isHeld);
    expect(await leadsTo(thief, handle)).toBe(old.identity.account);
    await town.later(retryAfterMs + 1_000);
    await young.prove(handle);
    expect(await leadsTo(await town.person(), handle)).toBe(young.identity.account);
    await eventually(
      'news',
      () => old.news.map(({ type }) => type),
      (news) => news.includes('handle-lost'),
    );
    old.client.close();
  });

  it('given up: nobody finds it, nobody else gets it before the quarantine is over, its former holder gets it back at once', async () => {
    const [old, young, caller] = [await town.person(), await town.person(), await town.person()];
    const handle = `released-${host}@example.com`;
    await old.prove(handle);
    await old.client.releaseHandle(handle);
    expect(await leadsTo(caller, handle)).toBeNull();
    await expect(young.prove(handle)).rejects.toMatchObject(isHeld);
    await old.prove(handle);
    expect(await leadsTo(caller, handle)).toBe(old.identity.account);
    await old.client.releaseHandle(handle);
    await expect(young.prove(handle)).rejects.toMatchObject(isHeld);
    await town.later(DAY_MS + 1_000);
    await young.prove(handle);
    expect(await leadsTo(await town.person(), handle)).toBe(young.identity.account);
  });

  it('hidden: strangers find nobody, contacts and who has a capability find it, and the answer is that of a handle nobody holds', async () => {
    const [owner, friend, earlier, stranger] = [
      await town.person(),
      await town.person(),
      await town.person(),
      await town.person(),
    ];
    const handle = `hidden-${host}@example.com`;
    await owner.prove(handle);
    expect(await leadsTo(earlier, handle)).toBe(owner.identity.account);
    await owner.client.hideHandle(handle, true);
    const policy = await owner.client.policy();
    await owner.client.setPolicy({ ...policy, contacts: [friend.identity.account] });
    expect(await leadsTo(stranger, handle)).toBeNull();
    expect(await leadsTo(friend, handle)).toBe(owner.identity.account);
    expect(await leadsTo(earlier, handle)).toBe(owner.identity.account);
    expect(await leadsTo(owner, handle)).toBe(owner.identity.account);
    expect((await owner.client.handles()).map(({ hidden }) => hidden)).toEqual([true]);
    await owner.client.hideHandle(handle, false);
    expect(await leadsTo(stranger, handle)).toBe(owner.identity.account);
  });

  it('the same code is of use to no other account, and a repeat of the right one attaches nothing twice', async () => {
    const [one, two] = [await town.person(), await town.person()];
    const handle = `code-${host}@example.com`;
    const { id } = await one.prover.read<{ id: string }>('POST', '/v1/handles', { handle });
    const code = await codeFor(town.server.url, handle);
    const body = JSON.stringify({ handle, code });
    expect((await two.prover.ask('POST', `/v1/handles/${id}/verification`, { body })).status).toBe(422);
    expect((await one.prover.ask('POST', `/v1/handles/${id}/verification`, { body })).status).toBe(200);
    expect((await one.prover.ask('POST', `/v1/handles/${id}/verification`, { body })).status).toBe(422);
    expect(await one.client.handles()).toHaveLength(1);
  });
});
