import { afterAll, beforeAll, expect, it } from 'vitest';
import { ended, House, type Person, place, talking, until } from './house.ts';

/** A device's turns fail when its invitation comes: on the real server, with its own rows for jobs in place of a queue. */
let house: House;
let [ann, bob]: Person[] = [];

const INVITATION = 'device put invite';
const HINT = 'call hinted invitations';

const outage = (of: object | null) =>
  fetch(`${house.server.url}/outage`, { method: 'POST', body: JSON.stringify(of) }).then(({ status }) =>
    expect(status).toBe(204),
  );
const passed = async () => (await (await fetch(`${house.server.url}/points`)).json()) as string[];

beforeAll(async () => {
  house = await House.open('deno', { entry: 'test/chaos/doomed-deno.ts' });
  [ann, bob] = [await house.person('ann', 1), await house.person('bob', 2)];
  await house.befriend([ann, bob]);
  for (const { phones } of [ann, bob]) for (const phone of phones) await phone.connect();
});

afterAll(async () => {
  for (const person of [ann, bob]) for (const { client } of person?.phones ?? []) client.close();
  await house?.stop();
});

it('a device whose turn fails at first is asked for through the queue while the others ring, and rings within the ring when it can', async () => {
  const [caller, phone, tablet] = [ann!.phones[0]!, bob!.phones[0]!, bob!.phones[1]!];
  await outage({ label: INVITATION, name: tablet.client.identity.device });
  const call = await place(caller, bob!);
  const there = await phone.rung(call);
  await until(async () => (await passed()).includes(HINT), 'the queue hints at the call');
  expect([call.phase, there.phase, tablet.ring(call)]).toEqual(['remote-ringing', 'alerting', undefined]);
  await outage(null);
  const late = await tablet.rung(call);
  late.accept();
  await talking(caller, tablet, call);
  call.hangup();
  expect(await ended(late)).toBe('completed');
  expect(there.phase).toBe('ended');
});
