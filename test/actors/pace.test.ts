import { expect, it } from 'vitest';
import { call } from '../../src/actors/call/call.ts';
import { device } from '../../src/actors/device/device.ts';
import { CONTROL_RESERVE_ROWS, MAILBOX_MAX_ROWS } from '../../src/protocol/courier.ts';

it('a courier may acknowledge a full mailbox envelope by envelope at once, and says other things far less often', () => {
  const pace = device.pace!;
  const ack = pace.weigh({ do: 'frame', frame: { type: 'ack', upTo: 1 } });
  expect((MAILBOX_MAX_ROWS + CONTROL_RESERVE_ROWS) * ack).toBeLessThanOrEqual(pace.burst / 2);
  const others = [
    { do: 'frame', frame: { type: 'call', request: 'r', verb: { verb: 'alive' } } },
    { do: 'frame', frame: { type: 'unknown' } },
    { do: 'bad-frame', reason: 'bad-frame' },
  ] as const;
  expect(others.map((one) => pace.weigh(one))).toEqual([1, 1, 1]);
  expect(pace.hurried).toEqual({ do: 'bad-frame', reason: 'too-fast' });
});

it('a call-plane socket is paced by its text frames; the relay counts its datagrams', () => {
  const pace = call.pace!;
  expect(pace.weigh({ do: 'datagram', bytes: new Uint8Array(1) })).toBe(0);
  expect(pace.weigh({ do: 'bad-frame' })).toBe(1);
});

it('a courier is told when to come back, spread with the crowd, and a call-plane socket is told nothing', () => {
  const spread = (crowd: number) =>
    (JSON.parse(device.farewell!(['courier'], crowd)!) as { spreadMs: number }).spreadMs;
  expect([1, 5_000, 1_000_000].map(spread)).toEqual([2_000, 5_000, 30_000]);
  expect(device.farewell!(['other'], 1)).toBe(null);
  expect('farewell' in call).toBe(false);
});
