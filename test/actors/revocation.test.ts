import { expect, it } from 'vitest';
import { Simulator } from '../../src/hosts/simulator/simulator.ts';
import { CALM } from '../../src/hosts/simulator/weather.ts';
import type { EventRow } from '../../src/protocol/event.ts';
import { actors, Town } from './people.ts';

const DAY = 86_400_000;

it('a revoked device has every certificate that could still be accepted on its way to the list, and no other device has', async () => {
  const simulator = new Simulator({ actors });
  simulator.reset(1, CALM);
  const town = new Town(simulator);
  const { account, devices } = await town.person(2);
  const [phone, tablet] = devices;
  const certified = async (serial: string, notAfter: number) => {
    await town.tell('account', account, {
      do: 'intend',
      device: phone!.device,
      key: phone!.key,
      serial,
      request: serial,
    });
    await town.tell('account', account, { do: 'issued', serial, chain: ['AA'], notAfter, evidence: 'none' });
  };
  await certified('0a', simulator.now + 7 * DAY);
  await certified('0b', simulator.now - 80 * DAY);
  await certified('0c', simulator.now - 92 * DAY);

  await town.tell('account', account, { do: 'revoke', device: phone!.device, reason: 'lost', by: 'owner' });
  const told = await town.ask<{ rows: { row: EventRow }[] }>('account', account, { do: 'events' });
  const rows = told.rows.map(({ row }) => row);
  const listed = rows.filter((row) => row.type === 'certificate.revoked');
  expect(listed.map((row) => row.subject)).toEqual(expect.arrayContaining(['0a', '0b']));
  expect(listed).toHaveLength(3);
  expect(listed.every((row) => row.index?.['device'] === phone!.device && row.reason === 'owner: lost')).toBe(true);
  expect(rows.some((row) => row.type === 'device.revoked' && row.subject === tablet!.device)).toBe(false);
});
