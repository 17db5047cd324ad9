import { afterAll, beforeAll, expect, it } from 'vitest';
import { base64url } from '../../src/bytes/base64url.ts';
import { CallsignClient, type ContactEvent } from '../../src/sdk/index.ts';
import { type Member, Members, rewriting } from '../support/members.ts';

const HOUR = 3_600_000;
let members: Members;
beforeAll(async () => {
  members = await Members.open();
});
afterAll(() => members.close());

let people = 0;
async function person(): Promise<Member & { address: string; told: ContactEvent[]; client: CallsignClient }> {
  const address = `contact${++people}@example.com`;
  const member = await members.member();
  const told: ContactEvent[] = [];
  const client = new CallsignClient(member.config, member.enrolled.identity, { contact: (event) => told.push(event) });
  await client.publishKeys();
  await members.addHandle(member, address);
  return { ...member, client, address, told };
}

it('two people see the same sixty digits and scan each other; verified stays so while devices come and go, and each is told', async () => {
  const [alice, bob] = [await person(), await person()];
  const [b, a] = [await alice.client.find(bob.address), await bob.client.find(alice.address)];
  const [seen, shown] = [await alice.client.contacts.safetyNumber(b!), await bob.client.contacts.safetyNumber(a!)];
  expect(seen.number).toBe(shown.number);
  expect(seen.number).toMatch(/^(\d{5} ){11}\d{5}$/);
  expect(await alice.client.contacts.standing(b!)).toEqual({ verified: false, recovered: false, resets: 0 });
  expect(await alice.client.contacts.scan(b!, shown.qr)).toEqual({ ok: true });
  expect(await bob.client.contacts.scan(a!, seen.qr)).toEqual({ ok: true });
  expect((await alice.client.contacts.standing(b!)).verified).toBe(true);

  const tablet = await members.member({ sponsor: await bob.client.sponsor() });
  const after = await alice.client.find(bob.address);
  const change = {
    type: 'devices',
    account: b?.account,
    added: [tablet.client.identity.device],
    removed: [],
    verified: true,
  };
  expect(alice.told).toEqual([change]);
  expect((await alice.client.contacts.standing(after!)).verified).toBe(true);
  expect((await alice.client.contacts.safetyNumber(after!)).number).toBe(seen.number);
  await bob.client.own.removeDevice(tablet.client.identity.device);
  const last = await alice.client.find(bob.address);
  expect(alice.told.at(-1)).toMatchObject({ added: [], removed: [tablet.client.identity.device] });
  expect((await alice.client.contacts.standing(last!)).verified).toBe(true);
  expect(await alice.client.contacts.scan(last!, shown.qr)).toEqual({ ok: true });
});

it('a code of somebody else, of another head, or of a forked chain verifies nobody', async () => {
  const [alice, bob, carol] = [await person(), await person(), await person()];
  const [b, a] = [await alice.client.find(bob.address), await bob.client.find(alice.address)];
  const c = await carol.client.find(alice.address);
  const { qr } = await bob.client.contacts.safetyNumber(a!);
  const other = (await carol.client.contacts.safetyNumber(c!)).qr;
  const spoilt = (at: number) => qr.map((byte, i) => (i === at ? byte ^ 1 : byte));
  const scan = (code: Uint8Array) => alice.client.contacts.scan(b!, code);
  expect(await scan(other)).toEqual({ ok: false, reason: 'different-account' });
  expect(await scan(qr.subarray(1))).toEqual({ ok: false, reason: 'malformed' });
  expect(await scan(spoilt(36))).toEqual({ ok: false, reason: 'different-resets' });
  expect(await scan(spoilt(41))).toEqual({ ok: false, reason: 'fork' });
  expect(await scan(spoilt(40))).toEqual({ ok: false, reason: 'unknown-head' });
  expect((await alice.client.contacts.standing(b!)).verified).toBe(false);
  const older = spoilt(40).map((byte, i) => (i === 40 ? 1 : byte));
  expect(await scan(older)).toEqual({ ok: false, reason: 'fork' });
});

it('a handle that leads to another account un-verifies, is told of before a call, and is called only when acknowledged', async () => {
  const [alice, bob] = [await person(), await person()];
  const b = await alice.client.find(bob.address);
  await alice.client.contacts.verify(b!);
  const numbers = [(await alice.client.contacts.safetyNumber(b!)).number];
  await bob.client.own.setRecovery({ policy: 'delay', delayHours: 1, handles: [`mail1:${bob.address}`] });
  for (let day = 0; day < 8; day += 2) {
    await members.pass(48 * HOUR);
    for (const { client } of [alice, bob]) await client.renew();
  }
  const again = await members.member();
  const code = async () => members.inbox(`mail1:${bob.address}`) ?? '';
  await again.client.own.recoverHandles([{ handle: bob.address, code }]);
  await alice.client.find(bob.address);
  expect(alice.told.at(-1)).toMatchObject({ type: 'recovery-pending', account: b?.account });
  await members.pass(2 * HOUR);
  await members.addHandle(again, bob.address);
  await again.client.publishKeys();

  const moved = await alice.client.find(bob.address, { claim: true });
  const to = again.client.identity.account;
  expect(alice.told.at(-1)).toEqual({
    type: 'another-account',
    handle: `mail1:${bob.address}`,
    from: b?.account,
    to,
    recovery: true,
  });
  expect(() => alice.client.call(moved!)).toThrow('another-account');
  await alice.client.contacts.acknowledge(moved!);
  const known = await alice.client.find(bob.address, { claim: true });
  expect(known).toMatchObject({ changedFrom: null, account: to });
  expect(await alice.client.contacts.standing(known!)).toEqual({ verified: false, recovered: false, resets: 1 });
  expect((await alice.client.contacts.standing(b!)).verified).toBe(false);
  numbers.push((await alice.client.contacts.safetyNumber(known!)).number);
  expect(new Set(numbers).size).toBe(2);

  const forged = await members.member({
    between: rewriting(/lookups$/, (answer: { results: { recoveries: object[] }[] }) => ({
      ...answer,
      results: answer.results.map((one) => ({
        ...one,
        recoveries: one.recoveries.map((recovery) => ({ ...recovery, statement: base64url(new Uint8Array(64)) })),
      })),
    })),
  });
  await expect(forged.client.find(bob.address)).rejects.toMatchObject({
    code: 'verification',
    reason: 'reset-malformed',
  });
});
