import { expect, it } from 'vitest';
import { IN_CALL_ALIVE_MS, PLANE_SILENCE_MS, type Verb } from '../../protocol/call.ts';
import { PING, PONG } from '../../protocol/keep-alive.ts';
import type { IdentifiedApi } from '../api.ts';
import type { ClientConfig, SocketLike } from '../config.ts';
import { CallPlane } from './plane.ts';

class FakeSocket implements SocketLike {
  binaryType = 'blob';
  readonly said: string[] = [];
  closed = false;
  /** The server's host answers keep-alives. */
  answers = true;
  readonly #listeners = new Map<string, ((event: never) => void)[]>();

  send(data: string | Uint8Array): void {
    this.said.push(String(data));
    if (data === PING && this.answers) this.tell('message', { data: PONG });
  }

  /** As in a dead network: the closing handshake is not answered. */
  close(): void {
    this.closed = true;
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  tell(type: string, event: object = {}): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }
}

/** A plane in a time that passes when told. */
function world() {
  const socket = new FakeSocket();
  const timers = new Set<{ at: number; run: () => void }>();
  const told: string[] = [];
  let now = 0;
  const config = {
    origin: 'https://server.example',
    openSocket: () => socket,
    after: (ms: number, run: () => void) => {
      const timer = { at: now + ms, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  } as unknown as ClientConfig;
  const api = { ask: async () => ({ ticket: 't', expiresAt: 1 }) } as unknown as IdentifiedApi;
  const events = {
    frame: ({ type }: { type: string }) => told.push(type),
    datagram: () => told.push('datagram'),
    closed: () => told.push('closed'),
  };
  const opening = CallPlane.open(config, api, 'c', events, new AbortController().signal);
  const pass = (ms: number) => {
    for (const end = now + ms; ;) {
      const [next] = [...timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      now = next?.at ?? end;
      if (!next) return;
      timers.delete(next);
      next.run();
    }
  };
  const opened = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    socket.tell('open');
    return opening;
  };
  return { socket, told, pass, opening, opened, pending: () => timers.size };
}

const alive: Verb = { verb: 'alive', call: 'c', attempt: 0 };

it('an open plane says the keep-alive, twice and more in every silence that the server allows, and nothing else', async () => {
  const { socket, told, pass, opened } = world();
  await opened();
  pass(6 * PLANE_SILENCE_MS);
  expect(socket.said).toEqual(Array((6 * PLANE_SILENCE_MS) / IN_CALL_ALIVE_MS).fill(PING));
  expect(PLANE_SILENCE_MS / IN_CALL_ALIVE_MS).toBeGreaterThanOrEqual(2);
  expect([socket.closed, told]).toEqual([false, []]);
});

it('a plane that is silent is given up at once, without the closing handshake of a dead network, and what waits knows', async () => {
  const { socket, told, pass, opened, pending } = world();
  const plane = await opened();
  socket.answers = false;
  pass(IN_CALL_ALIVE_MS);
  const waits = plane.say(alive);
  pass(IN_CALL_ALIVE_MS - 1);
  expect(socket.closed).toBe(false);
  pass(1);
  expect([socket.closed, told]).toEqual([true, ['closed']]);
  expect(await waits).toBe(null);
  expect(await plane.say(alive)).toBe(null);
  socket.tell('close');
  socket.tell('message', { data: '{"type":"connected"}' });
  expect(told).toEqual(['closed']);
  expect(pending()).toBe(0);
});

it('whatever is heard counts: a plane on which frames or datagrams come needs no answer to its keep-alive', async () => {
  const { socket, told, pass, opened } = world();
  await opened();
  socket.answers = false;
  for (const data of [`{"type":"signal","call":"${'c'.repeat(32)}","rev":1,"at":0}`, new ArrayBuffer(4)]) {
    pass(IN_CALL_ALIVE_MS - 1);
    socket.tell('message', { data });
    pass(1);
  }
  expect([socket.closed, told]).toEqual([false, ['signal', 'datagram']]);
});

it('a plane that never opens is given up as well', async () => {
  const { socket, told, pass, opening } = world();
  const refused = opening.catch((error: Error) => error.message);
  await new Promise((resolve) => setImmediate(resolve));
  pass(IN_CALL_ALIVE_MS);
  expect(await refused).toBe('closed before it opened');
  expect([socket.closed, told]).toEqual([true, ['closed']]);
});
