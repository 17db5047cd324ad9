import { expect, it } from 'vitest';
import { call } from '../../src/actors/call/call.ts';
import { Memory } from '../../src/actors/kernel/memory.ts';
import { PORT_TABLES } from '../../src/actors/kernel/schema.ts';
import { takeTurn } from '../../src/actors/kernel/turn.ts';
import { MemoryStore } from '../../src/hosts/simulator/memory-store.ts';
import { CLOSE } from '../../src/protocol/courier.ts';

it('who opens a socket at a call that is not, with a ticket of his own, is turned away and leaves no row', () => {
  const store = new MemoryStore();
  store.begin();
  const taken = takeTurn(
    {
      store,
      actor: call,
      self: { kind: 'call', name: '0'.repeat(32) },
      now: 1,
      random: (bytes) => new Uint8Array(bytes),
      live: new Map([['socket', 1]]),
      ready: false,
      memory: new Memory(),
    },
    { type: 'opened', socket: 'socket', tags: [], body: { do: 'socket', ticket: 'A'.repeat(43) } },
  );
  const rows = [...PORT_TABLES, ...call.tables].flatMap((table) => store.all(`SELECT * FROM ${table}`, []));
  expect(rows).toEqual([]);
  expect(taken.erased).toBe(true);
  expect(taken.effects[0]).toMatchObject({ type: 'close', socket: 'socket', code: CLOSE.forbidden });
});
