import { describe, expect, it } from 'vitest';
import { keepRelayed, relay, seatFor, seatOf } from '../../src/actors/call/relay.ts';
import type { Json, Socket, Turn } from '../../src/actors/port.ts';
import type { Call } from '../../src/calls/call.ts';
import {
  DATAGRAM_BURST,
  DATAGRAM_MAX_BYTES,
  DATAGRAMS_PER_SECOND,
  RELAY_CALL_MAX_BYTES,
  RELAY_MAX_BYTES,
} from '../../src/protocol/call.ts';
import { CLOSE } from '../../src/protocol/courier.ts';

const party = (device: string) => ({ account: `account of ${device}`, device });

interface Heard extends Socket {
  readonly sent: (string | Uint8Array)[];
  readonly closed: number[];
}

function socketOf(device: string, note: Json = seatFor(party(device), 0)): Heard {
  const sent: Heard['sent'] = [];
  const closed: number[] = [];
  const send = (frame: string | Uint8Array) => void sent.push(frame);
  const close = (code: number) => void closed.push(code);
  return { id: device, tags: [], note, heardAt: 0, sent, closed, send, close };
}

/** A turn of a call with these sockets and these bytes of sockets that closed. */
function turnWith(sockets: readonly Socket[], closed: Record<string, number> = {}, now = 0): Turn {
  return {
    now,
    sockets: () => sockets,
    all: () => Object.entries(closed).map(([device, bytes]) => ({ device, bytes })),
    run: (_: string, device: string, bytes: number) => {
      closed[device] = (closed[device] ?? 0) + bytes;
      return 1;
    },
  } as unknown as Turn;
}

const callOf = (state: Call['state'], ...talkers: readonly string[]) =>
  ({ state, talkers: talkers.map(party) }) as unknown as Call;
const relayed = (t: Turn, call: Call | null, from: Heard, bytes: Uint8Array) =>
  relay(t, call, from, seatOf(from.note)!, bytes);
const errors = ({ sent }: Heard) =>
  sent.filter((frame) => typeof frame === 'string').map((frame) => (JSON.parse(frame) as { reason: string }).reason);
const datagram = new Uint8Array(DATAGRAM_MAX_BYTES);

describe('a datagram', () => {
  it('reaches the other talkers, and neither its sender nor a device that is none', () => {
    const [ann, bob, cat, lost] = ['ann', 'bob', 'cat', 'lost'].map((one) => socketOf(one)) as [
      Heard,
      Heard,
      Heard,
      Heard,
    ];
    const t = turnWith([ann, bob, cat, lost]);
    const call = callOf('connected', 'ann', 'bob', 'cat');
    relayed(t, call, ann, datagram);
    expect([ann, bob, cat, lost].map(({ sent }) => sent.length)).toEqual([0, 1, 1, 0]);
    relayed(t, call, lost, datagram);
    expect([ann, bob, cat].map(({ sent }) => sent.length)).toEqual([0, 1, 1]);
  });

  it.each(['new', 'ringing', 'ended'] as const)('goes nowhere while the call is %s', (state) => {
    const [ann, bob] = [socketOf('ann'), socketOf('bob')];
    relayed(turnWith([ann, bob]), callOf(state, 'ann', 'bob'), ann, datagram);
    relayed(turnWith([ann, bob]), null, ann, datagram);
    expect(bob.sent).toEqual([]);
  });

  it('that is too large closes its sender', () => {
    const [ann, bob] = [socketOf('ann'), socketOf('bob')];
    const t = turnWith([ann, bob]);
    relayed(t, callOf('connected', 'ann', 'bob'), ann, new Uint8Array(DATAGRAM_MAX_BYTES + 1));
    expect([ann.closed, bob.sent]).toEqual([[CLOSE.frameTooLarge], []]);
  });

  it('that comes too fast is dropped, its sender told once, and the next in time passes', () => {
    const [ann, bob] = [socketOf('ann'), socketOf('bob')];
    const call = callOf('granted', 'ann', 'bob');
    for (let n = 0; n < DATAGRAM_BURST + 20; n++) relayed(turnWith([ann, bob]), call, ann, datagram);
    expect([bob.sent.length, errors(ann)]).toEqual([DATAGRAM_BURST, ['too-fast']]);
    relayed(turnWith([ann, bob], {}, 1_000 / DATAGRAMS_PER_SECOND), call, ann, datagram);
    expect([bob.sent.length, errors(ann)]).toEqual([DATAGRAM_BURST + 1, ['too-fast']]);
  });
});

describe('bytes', () => {
  const call = callOf('connected', 'ann', 'bob', 'cat');
  const open = () => [socketOf('ann'), socketOf('bob'), socketOf('cat')] as const;

  it('of one device are counted over all its sockets of a call', () => {
    const [ann, bob, cat] = open();
    const closed: Record<string, number> = { ann: RELAY_MAX_BYTES - 2 * DATAGRAM_MAX_BYTES };
    for (let n = 0; n < 4; n++) relayed(turnWith([ann, bob, cat], closed), call, ann, datagram);
    expect([bob.sent.length, errors(ann)]).toEqual([2, ['relay-spent']]);
    keepRelayed(turnWith([], closed), ann);
    expect(closed['ann']).toBe(RELAY_MAX_BYTES);
    const again = socketOf('ann');
    relayed(turnWith([again, bob, cat], closed), call, again, datagram);
    expect([bob.sent.length, errors(again)]).toEqual([2, ['relay-spent']]);
    relayed(turnWith([again, bob, cat], closed), call, bob, datagram);
    expect(cat.sent.length).toBe(3);
  });

  it('of a call are counted over all its devices', () => {
    const [ann, bob, cat] = open();
    const others = Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`left-${n}`, RELAY_CALL_MAX_BYTES / 5]));
    relayed(turnWith([ann, bob, cat], others), call, bob, datagram);
    expect([ann.sent, errors(bob)]).toEqual([[], ['relay-spent']]);
  });

  it('of a socket that an older version let in count from none', () => {
    const ann = socketOf('ann', { ...party('ann'), tokens: DATAGRAM_BURST, at: 0 });
    const bob = socketOf('bob');
    relayed(turnWith([ann, bob]), call, ann, datagram);
    expect([bob.sent.length, seatOf(ann.note)?.bytes]).toEqual([1, DATAGRAM_MAX_BYTES]);
  });
});
