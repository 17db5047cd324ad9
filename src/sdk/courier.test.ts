import { describe, expect, it } from 'vitest';
import { CLOSE } from '../protocol/courier.ts';
import { PING, PONG } from '../protocol/keep-alive.ts';
import { IdentifiedApi } from './api.ts';
import type { ClientConfig, SocketLike } from './config.ts';
import { Courier } from './courier.ts';
import type { CryptoProvider, SigningKey } from './crypto/provider.ts';
import { memoryStore } from './stores/memory.ts';

const BOX = 'A'.repeat(22);

class FakeSocket implements SocketLike {
  binaryType = 'blob';
  readonly hello: string;
  readonly said: string[] = [];
  closedBy: 'client' | 'server' | null = null;
  readonly #listeners = new Map<string, ((event: never) => void)[]>();

  constructor(hello: string) {
    this.hello = hello;
  }

  send(data: string | Uint8Array): void {
    this.said.push(String(data));
  }

  /** As in a dead network: the closing handshake is not answered. */
  close(): void {
    this.closedBy ??= 'client';
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  tell(frame: object | string): void {
    const data = typeof frame === 'string' ? frame : JSON.stringify(frame);
    for (const listener of this.#listeners.get('message') ?? []) listener({ data } as never);
  }

  shut(code: number): void {
    this.closedBy ??= 'server';
    for (const listener of this.#listeners.get('close') ?? []) listener({ code } as never);
  }
}

/** Nothing here waits for anything but promises: signatures and hashes are made up. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const key = { publicKey: new Uint8Array(65), sign: async () => new Uint8Array(64) } as unknown as SigningKey;
const crypto = { random: (n: number) => new Uint8Array(n), sha256: async () => new Uint8Array(32) };

/** A courier in a time that passes when told, at a server that says what the test says. */
async function world() {
  const sockets: FakeSocket[] = [];
  const timers = new Set<{ at: number; run: () => void }>();
  const closed: number[] = [];
  let now = 1_000_000;
  let nonces = 0;
  let waiting: (() => void)[] = [];
  const network = { answers: true };
  const config: ClientConfig = {
    deployment: 'd',
    origin: 'https://server.example',
    roots: [],
    crypto: crypto as unknown as CryptoProvider,
    store: memoryStore(),
    now: () => now,
    fetch: async () => {
      if (!network.answers) await new Promise<void>((resolve) => waiting.push(resolve));
      const text = JSON.stringify({ nonce: `fetched-${++nonces}`, serverNow: now });
      return { ok: true, status: 200, text: async () => text } as Response;
    },
    openSocket: (_, [, hello = '']) => {
      const socket = new FakeSocket(hello);
      sockets.push(socket);
      return socket;
    },
    after: (ms, run) => {
      const timer = { at: now + Math.ceil(ms), run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
  };
  const [account, device] = ['a'.repeat(52), 'd'.repeat(26)];
  const identity = { account, device, key, chain: [], notAfter: Infinity, pushToken: new Uint8Array(32) };
  const courier = new Courier(config, new IdentifiedApi(config, identity), {
    envelope: async () => undefined,
    drained: () => undefined,
    keysLow: () => undefined,
    resync: () => undefined,
    disconnected: () => undefined,
    dormant: () => undefined,
    closed: (code) => closed.push(code),
  });
  return {
    courier,
    sockets,
    closed,
    network,
    get pending() {
      return timers.size;
    },
    /** Requests that hung are answered. */
    answer: async () => {
      network.answers = true;
      for (const go of waiting.splice(0)) go();
      waiting = [];
      await settle();
    },
    pass: async (ms: number) => {
      const until = now + ms;
      for (;;) {
        await settle();
        const [next] = [...timers].filter(({ at }) => at <= until).toSorted((a, b) => a.at - b.at);
        if (!next) break;
        timers.delete(next);
        now = Math.max(now, next.at);
        next.run();
      }
      now = until;
    },
    /** Connects the newest socket. */
    welcome: async () => {
      const socket = sockets.at(-1)!;
      const limits = { frameLength: 1, bodyLength: 1 };
      const nextNonce = `given-${sockets.length}`;
      socket.tell({ type: 'welcome', box: BOX, oldestSeq: 1, newestSeq: 0, serverNow: now, nextNonce, limits });
      socket.tell({ type: 'drained', seq: 0, serverNow: now });
      await settle();
      return socket;
    },
  };
}

type World = Awaited<ReturnType<typeof world>>;

async function connected(): Promise<World & { socket: FakeSocket }> {
  const made = await world();
  await made.courier.start();
  const socket = await made.welcome();
  return Object.assign(made, { socket });
}

const claimsOf = ({ hello }: FakeSocket) =>
  JSON.parse(Buffer.from(hello.split('.')[1]!, 'base64url').toString()) as { nonce: string };

/** So many attempts, each refused at once. */
async function fail({ sockets, pass }: World, times: number): Promise<void> {
  for (let n = 0; n < times; n++) {
    sockets.at(-1)!.shut(1006);
    await pass(30_000);
  }
}

describe('a connection that was lost', () => {
  it('comes back with the nonce of the last welcome, and with a fetched one when that was spent in vain', async () => {
    const it = await connected();
    expect(claimsOf(it.socket).nonce).toBe('fetched-1');
    it.socket.shut(1006);
    await it.pass(250);
    expect(claimsOf(it.sockets[1]!).nonce).toBe('given-1');
    it.sockets[1]!.shut(1006);
    await it.pass(500);
    expect(claimsOf(it.sockets[2]!).nonce).toBe('fetched-2');
  });

  it('waits longer each time, up to 30 s, and never the same', async () => {
    const it = await connected();
    const pauses: number[] = [];
    for (let n = 0; n < 12; n++) {
      const before = it.sockets.length;
      it.sockets.at(-1)!.shut(1006);
      let waited = 0;
      for (; it.sockets.length === before; waited += 25) await it.pass(25);
      pauses.push(waited);
    }
    for (const [n, pause] of pauses.entries()) {
      const limit = Math.min(30_000, 250 * 2 ** n);
      expect(pause).toBeGreaterThanOrEqual(limit / 2);
      expect(pause).toBeLessThanOrEqual(limit + 25);
    }
    expect(new Set(pauses.slice(-5)).size).toBeGreaterThan(1);
  });
});

describe('advice before a planned closing', () => {
  it('is obeyed: not before `afterMs`, spread over `spreadMs`, once', async () => {
    const waits: number[] = [];
    for (let n = 0; n < 8; n++) {
      const it = await connected();
      it.socket.tell({ type: 'reconnect', afterMs: 2_000, spreadMs: 10_000 });
      it.socket.shut(CLOSE.restart);
      await it.pass(1_999);
      expect(it.sockets).toHaveLength(1);
      let waited = 1_999;
      for (; it.sockets.length === 1; waited += 50) await it.pass(50);
      expect(waited).toBeLessThanOrEqual(12_050);
      waits.push(waited);
      it.sockets[1]!.shut(1006);
      await it.pass(1_000);
      expect(it.sockets).toHaveLength(3);
      it.courier.stop();
    }
    expect(new Set(waits).size).toBeGreaterThan(1);
  });

  it('is not acted on before the closing: the connection is used to its end', async () => {
    const it = await connected();
    it.socket.tell({ type: 'reconnect', afterMs: 0, spreadMs: 0 });
    await it.pass(5_000);
    expect(it.sockets).toHaveLength(1);
    it.socket.shut(CLOSE.renewed);
    await it.pass(0);
    expect(it.sockets).toHaveLength(2);
  });
});

describe('a hint that the network is another one', () => {
  it('ends a pause of the back-off at once, and starts the back-off anew', async () => {
    const it = await connected();
    await fail(it, 8);
    const before = it.sockets.length;
    it.sockets.at(-1)!.shut(1006);
    it.courier.networkChanged();
    await it.pass(0);
    expect(it.sockets).toHaveLength(before + 1);
    it.sockets.at(-1)!.shut(1006);
    await it.pass(500);
    expect(it.sockets).toHaveLength(before + 2);
  });

  it('ends an advised pause', async () => {
    const it = await connected();
    it.socket.tell({ type: 'reconnect', afterMs: 60_000, spreadMs: 0 });
    it.socket.shut(CLOSE.restart);
    it.courier.networkChanged();
    await it.pass(0);
    expect(it.sockets).toHaveLength(2);
  });

  it('does not wait for the closing handshake of a connection that is dead', async () => {
    const it = await connected();
    it.courier.networkChanged();
    expect([it.socket.closedBy, it.courier.connected]).toEqual(['client', false]);
    await it.pass(0);
    await it.welcome();
    expect(it.courier.connected).toBe(true);
    it.socket.shut(1006);
    it.socket.tell({ type: 'drained', seq: 0, serverNow: 0 });
    await it.pass(20_000);
    expect([it.courier.connected, it.sockets.length]).toEqual([true, 2]);
  });

  it('does not wait for an attempt that hangs, and that attempt opens nothing later', async () => {
    const it = await connected();
    it.socket.shut(1006);
    await it.pass(250);
    it.network.answers = false;
    it.sockets[1]!.shut(1006);
    await it.pass(500);
    expect(it.sockets).toHaveLength(2);
    it.network.answers = true;
    it.courier.networkChanged();
    await it.pass(0);
    expect(it.sockets).toHaveLength(3);
    await it.answer();
    expect(it.sockets).toHaveLength(3);
  });

  it('connects nothing that was never started, was stopped, or is over', async () => {
    const fresh = await world();
    fresh.courier.networkChanged();
    await fresh.pass(60_000);
    expect(fresh.sockets).toEqual([]);
    const stopped = await connected();
    stopped.courier.stop();
    stopped.courier.networkChanged();
    await stopped.pass(60_000);
    expect([stopped.sockets.length, stopped.pending]).toEqual([1, 0]);
    const displaced = await connected();
    displaced.socket.shut(CLOSE.elsewhere);
    displaced.courier.networkChanged();
    await displaced.pass(60_000);
    expect(displaced.sockets).toHaveLength(1);
  });
});

describe('a courier', () => {
  it.each([CLOSE.revoked, CLOSE.expired, CLOSE.forbidden, CLOSE.elsewhere])('stays away after %d', async (code) => {
    const it = await connected();
    it.socket.shut(code);
    await it.pass(120_000);
    expect([it.closed, it.sockets.length, it.pending]).toEqual([[code], 1, 0]);
    await it.courier.start();
    expect(it.sockets).toHaveLength(2);
  });

  it.each([CLOSE.badFrames, CLOSE.frameTooLarge, CLOSE.tooFast])('does not loop after %d', async (code) => {
    const it = await connected();
    it.socket.shut(code);
    await it.pass(29_999);
    expect(it.sockets).toHaveLength(1);
    await it.pass(1);
    expect([it.sockets.length, it.closed]).toEqual([2, []]);
  });

  it('that is stopped while it connects opens nothing afterwards', async () => {
    const it = await world();
    it.network.answers = false;
    const starting = it.courier.start();
    await it.pass(0);
    it.courier.stop();
    await it.answer();
    await starting;
    expect([it.sockets.length, it.pending]).toEqual([0, 0]);
  });
});

describe('a silent connection', () => {
  it('is asked whether it lives, and kept while it answers', async () => {
    const it = await connected();
    for (let n = 1; n <= 5; n++) {
      await it.pass(30_000);
      expect(it.socket.said.filter((text) => text === PING)).toHaveLength(n);
      it.socket.tell(PONG);
    }
    expect([it.sockets.length, it.socket.closedBy]).toEqual([1, null]);
  });

  it('that does not answer is given up and made anew', async () => {
    const it = await connected();
    await it.pass(59_999);
    expect(it.sockets).toHaveLength(1);
    await it.pass(300);
    expect([it.socket.closedBy, it.sockets.length]).toEqual(['client', 2]);
  });

  it('that never opened is given up too', async () => {
    const it = await world();
    await it.courier.start();
    await it.pass(31_000);
    expect(it.sockets[0]!.said).toEqual([]);
    expect(it.sockets).toHaveLength(2);
  });
});
