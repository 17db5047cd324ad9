import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createApp } from '../../src/app.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import type { Invite, Verb } from '../../src/protocol/call.ts';
import {
  type Call,
  CallsignClient,
  type ClientConfig,
  defaultConfig,
  developmentAttester,
  enroll,
  memoryStore,
  webCrypto,
} from '../../src/sdk/index.ts';
import type { SocketLike } from '../../src/sdk/config.ts';
import type { KeyStore } from '../../src/sdk/store.ts';
import { type InProcess, inProcess, ORIGIN } from '../support/in-process.ts';

const HANDLE = 'bob@example.com';
const RUNS = 40;

/** A socket whose other end is the adversary. */
class Wire implements SocketLike {
  binaryType = 'arraybuffer';
  readonly sent: (string | Uint8Array)[] = [];
  readonly #listeners = new Map<string, ((event: never) => void)[]>();

  send(data: string | Uint8Array<ArrayBuffer>): void {
    this.sent.push(data);
  }

  close(code = 1000): void {
    this.tell('close', { code });
  }

  addEventListener(type: string, listener: (event: never) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  tell(type: string, event: object): void {
    for (const listener of this.#listeners.get(type) ?? []) listener(event as never);
  }

  push(frame: object): void {
    this.tell('message', { data: JSON.stringify(frame) });
  }
}

/** What a device lets out of itself. Each of these before its time breaks G5. */
interface Seen {
  /** Sealed answers: the first thing of a callee that its caller's keys are made of. */
  answers: number;
  /** Tickets asked for and planes opened: the way on which keys are confirmed and media may flow. */
  planes: number;
  datagrams: number;
  media: number;
}

/** What a device keeps, as it was; what is written to it here is forgotten with it. */
function copyOf(kept: KeyStore): KeyStore {
  const own = new Map<string, unknown>();
  const name = (collection: string, id: string) => `${collection} ${id}`;
  const get: KeyStore['get'] = async (collection, id) =>
    own.has(name(collection, id)) ? own.get(name(collection, id)) : kept.get(collection, id);
  return {
    get,
    async ids(collection) {
      const added = [...own.keys()].filter((key) => key.startsWith(`${collection} `)).map((key) => key.split(' ')[1]!);
      const all = [...new Set([...(await kept.ids(collection)), ...added])];
      const held = await Promise.all(all.map((id) => get(collection, id)));
      return all.filter((_, i) => held[i] !== undefined);
    },
    async write(changes, absent = []) {
      const there = await Promise.all(absent.map(({ collection, id }) => get(collection, id)));
      if (there.some((value) => value !== undefined)) return false;
      for (const { collection, id, value } of changes) own.set(name(collection, id), value);
      return true;
    },
  };
}

const nothing = (): Seen => ({ answers: 0, planes: 0, datagrams: 0, media: 0 });

/** The server as an enemy: it answers what it likes, and whatever it pushes is its own choice. */
class Adversary {
  readonly seen = nothing();
  readonly couriers: Wire[] = [];
  readonly planes: Wire[] = [];
  readonly timers: { readonly run: () => void }[] = [];
  readonly asked: { readonly wire: Wire; readonly request: string; readonly verb: Verb }[] = [];
  readonly #honest: ClientConfig;
  /** A mailbox of its own: what an earlier run had is forgotten. */
  readonly #box = base64url(crypto.getRandomValues(new Uint8Array(16)));
  #seq = 0;

  constructor(honest: ClientConfig) {
    this.#honest = honest;
  }

  get config(): ClientConfig {
    return {
      ...this.#honest,
      after: (_, run) => {
        const timer = { run };
        this.timers.push(timer);
        return () => void (this.timers.includes(timer) && this.timers.splice(this.timers.indexOf(timer), 1));
      },
      openSocket: (url) => this.#open(url),
      fetch: (url, init) => this.#fetch(url, init),
    };
  }

  #open(url: string): Wire {
    const wire = new Wire();
    const plane = url.endsWith('/socket');
    (plane ? this.planes : this.couriers).push(wire);
    if (plane) this.seen.planes++;
    wire.send = (data) => {
      if (plane && typeof data !== 'string') this.seen.datagrams++;
      if (typeof data === 'string') this.#heard(wire, data);
    };
    queueMicrotask(() => wire.tell('open', {}));
    return wire;
  }

  #heard(wire: Wire, text: string): void {
    const { type, request, verb } = JSON.parse(text) as { type: string; request: string; verb: Verb };
    if (type !== 'call') return;
    if (verb.verb === 'answer') this.seen.answers++;
    this.asked.push({ wire, request, verb });
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    if (url.endsWith('/v1/courier/nonce')) return Response.json({ nonce: 'n', serverNow: this.#honest.now() });
    if (url.endsWith('/tickets')) {
      this.seen.planes++;
      return Response.json({ ticket: 'A'.repeat(43), expiresAt: this.#honest.now() + 30_000 }, { status: 201 });
    }
    if (url.endsWith('/verbs')) {
      const verb = JSON.parse(init.body as string) as Verb;
      if (verb.verb === 'answer') this.seen.answers++;
      return Response.json({ ok: true, call: verb.call, rev: 1, state: 'granted', serverNow: this.#honest.now() });
    }
    if (url.includes('/v1/calls/')) return Response.json({ state: 'connected', rev: 1, reason: null });
    return this.#honest.fetch(url, init);
  }

  /** Through the mailbox, as if it had been stored. */
  deliver(topic: string, body: object): void {
    const now = this.#honest.now();
    const seq = ++this.#seq;
    const head = {
      seq,
      id: `${this.#box}.${seq}`,
      topic,
      from: null,
      sentAt: now,
      expiresAt: now + 60_000,
      serverNow: now,
    };
    this.couriers.at(-1)?.push({ type: 'deliver', ...head, body });
  }

  welcome(): void {
    const now = this.#honest.now();
    const limits = { frameLength: 262_144, bodyLength: 32_768 };
    this.couriers
      .at(-1)
      ?.push({ type: 'welcome', box: this.#box, oldestSeq: 1, newestSeq: 0, serverNow: now, nextNonce: 'n', limits });
  }

  drained(): void {
    this.couriers.at(-1)?.push({ type: 'drained', seq: 0, serverNow: this.#honest.now() });
  }
}

/** What the enemy may do next; numbers choose among what there is. */
type Move = { readonly what: (typeof MOVES)[number]; readonly n: number; readonly rev: number };
const FRAMES = [
  'grant',
  'merged',
  'accepted',
  'remote-ringing',
  'invited',
  'elsewhere',
  'cancelled',
  'ended',
  'connected',
  'signal',
  'peer-back',
] as const;
const MOVES = [
  'invite',
  ...FRAMES,
  'reply',
  'grant-reply',
  'welcome',
  'drained',
  'cut',
  'timer',
  'plane-datagram',
  'plane-frame',
] as const;
const move: fc.Arbitrary<Move> = fc.record({
  what: fc.constantFrom(...MOVES),
  n: fc.nat(1_000),
  rev: fc.integer({ min: 1, max: 40 }),
});

const settle = async (): Promise<void> => {
  for (let i = 0; i < 6; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** Until it is so, or could have been. */
async function soon(held: () => boolean, ms: number): Promise<void> {
  for (const deadline = Date.now() + ms; !held() && Date.now() < deadline;)
    await new Promise((resolve) => setTimeout(resolve, 2));
}

const hex = (n: number): string => n.toString(16).padStart(32, '0');

describe('a client whose server is an enemy', () => {
  let server: InProcess;
  let honest: (store?: ClientConfig['store']) => ClientConfig;
  let alice: CallsignClient;
  let bob: { readonly config: ClientConfig; readonly identity: CallsignClient['identity'] };
  const said: Verb[] = [];
  /** Revisions of the enemy's frames; they grow through all runs. */
  let newest = 100;

  beforeAll(async () => {
    server = await inProcess({}, Date.now());
    const services = await server.services();
    const app = createApp(() => services);
    const told = (await (await app.fetch(new Request(`${ORIGIN}/v1/deployment`))).json()) as {
      deployment: string;
      root: string;
    };
    honest = (store = memoryStore()) => ({
      ...defaultConfig({
        deployment: told.deployment,
        origin: ORIGIN,
        roots: [new Uint8Array(Buffer.from(told.root, 'base64url'))],
        crypto: webCrypto(),
        store,
      }),
      now: () => server.simulator.now,
      fetch: async (url, init) => app.fetch(new Request(url, init)),
      openSocket: () => new Wire(),
    });
    const config = honest();
    const { identity } = await enroll(config, developmentAttester(config.crypto));
    const client = new CallsignClient(config, identity);
    await client.publishKeys();
    await client.addHandle(HANDLE, async () => services.inbox?.(`mail1:${HANDLE}`) ?? '');
    client.close();
    bob = { config, identity };
    const own = honest();
    const caller = await enroll(own, developmentAttester(own.crypto));
    alice = new CallsignClient({ ...own, fetch: spied(own.fetch) }, caller.identity);
  }, 120_000);

  afterAll(() => {
    alice.close();
    server.stop();
  });

  /** Keeps what the honest caller says, so that the enemy has a genuine invitation of it. */
  const spied =
    (fetcher: ClientConfig['fetch']): ClientConfig['fetch'] =>
    async (url, init) => {
      if (url.endsWith('/verbs')) said.push(JSON.parse(init.body as string) as Verb);
      return fetcher(url, init);
    };

  async function genuine(): Promise<Invite> {
    const peer = await alice.find(HANDLE, { claim: true });
    const call = alice.call(peer!);
    const own = () => said.find((verb): verb is Invite => verb.verb === 'invite' && verb.call === call.id);
    for (const deadline = Date.now() + 15_000; !own() && Date.now() < deadline;) await settle();
    call.hangup();
    const invite = own();
    said.length = 0;
    if (!invite) throw new Error('the honest caller sealed no invitation');
    return invite;
  }

  /** A device of Bob's in the enemy's hands, with what it let out, and the calls that alerted on it. */
  function captured(): { enemy: Adversary; client: CallsignClient; rings: Call[] } {
    const enemy = new Adversary({ ...bob.config, store: copyOf(bob.config.store) });
    const rings: Call[] = [];
    const client = new CallsignClient(enemy.config, bob.identity, {
      incoming: (call) => {
        rings.push(call);
        call.on('media', () => void enemy.seen.media++);
      },
    });
    return { enemy, client, rings };
  }

  function frameOf({ what, n, rev }: Move, invite: Invite): object {
    const now = server.simulator.now;
    const calls = [invite.call, invite.call, invite.call, hex(n % 3)];
    // Mostly news, sometimes an old revision.
    const head = { call: calls[n % calls.length], rev: rev % 4 === 0 ? rev : ++newest, at: now };
    const party = alice.identity;
    const from = { account: party.account, device: party.device };
    const leg = invite.legs[0]!;
    const sealed = { message: leg.message, body: n % 2 === 0 ? leg.body : 'AAAA' };
    const connectDeadline = now + 20_000;
    switch (what) {
      case 'invite':
        return {
          ...head,
          type: 'invite',
          attempt: 0,
          from,
          media: ['audio'],
          ringDeadline: now + 45_000,
          message: leg.message,
          body: leg.body,
        };
      case 'merged':
        return { ...head, type: 'grant', connectDeadline, merged: { call: hex(n % 3), media: ['audio'] } };
      case 'grant':
        return { ...head, type: 'grant', connectDeadline };
      case 'accepted':
        return { ...head, type: 'accepted', ...from, ...sealed, media: ['audio'], connectDeadline };
      case 'invited':
        return { ...head, type: 'invited', ringDeadline: now + 45_000, legs: 1 };
      case 'elsewhere':
        return { ...head, type: 'elsewhere', cause: n % 2 ? 'answered' : 'declined', by: bob.identity.device };
      case 'ended':
        return { ...head, type: 'ended', reason: n % 2 ? 'completed' : 'glare-merged', into: hex(n % 3), redial: true };
      case 'signal':
        return { ...head, type: 'signal', from, ...sealed };
      case 'peer-back':
        return { ...head, type: 'peer-back', account: party.account, device: party.device };
      default:
        return { ...head, type: what };
    }
  }

  function perform(enemy: Adversary, one: Move, invite: Invite): void {
    const { what, n, rev } = one;
    const now = server.simulator.now;
    switch (what) {
      case 'reply':
      case 'grant-reply': {
        const { wire, request, verb } = enemy.asked[n % Math.max(1, enemy.asked.length)] ?? {};
        const granted =
          what === 'grant-reply'
            ? { granted: { connectDeadline: now + 20_000 }, state: 'granted' }
            : { state: 'ringing' };
        wire?.push({
          type: 'reply',
          request,
          reply: { ok: n % 5 !== 0, call: verb?.call, rev, serverNow: now, reason: 'too-late', ...granted },
        });
        return;
      }
      case 'welcome':
        return enemy.welcome();
      case 'drained':
        return enemy.drained();
      case 'cut':
        return enemy.couriers.at(-1)?.close(1006);
      case 'timer': {
        const timer = enemy.timers.splice(n % Math.max(1, enemy.timers.length), 1)[0];
        return timer?.run();
      }
      case 'plane-datagram':
        return enemy.planes.at(-1)?.tell('message', { data: new Uint8Array([0, 1, 0, n % 256]).buffer });
      case 'plane-frame':
        return enemy.planes.at(-1)?.push(frameOf({ ...one, what: FRAMES[n % FRAMES.length]! }, invite));
      default:
        return enemy.deliver(what === 'signal' ? 'signal' : 'call', frameOf(one, invite));
    }
  }

  const GRANTS: ReadonlySet<string> = new Set(['grant', 'merged', 'grant-reply']);

  it(`sends no answer, opens no plane and lets no media or key out, whatever ${RUNS} enemies say, while its user has not accepted`, async () => {
    const told = { rings: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(move, { minLength: 5, maxLength: 40 }), async (moves) => {
        const invite = await genuine();
        const { enemy, client, rings } = captured();
        await client.connect();
        await settle();
        enemy.welcome();
        const invited = () => enemy.deliver('call', frameOf({ what: 'invite', n: 0, rev: 1 }, invite));
        const first = moves.length % 3 === 0 ? [] : moves.slice(0, moves.length / 2);
        for (const one of first) {
          perform(enemy, one, invite);
          await settle();
        }
        invited();
        enemy.drained();
        await soon(() => rings.length > 0, first.length === 0 ? 5_000 : 100);
        for (const one of moves.slice(first.length)) {
          perform(enemy, one, invite);
          await settle();
        }
        await soon(() => false, 20);
        told.rings += rings.length;
        client.close();
        expect(enemy.seen).toEqual(nothing());
        expect(rings.filter(({ keys }) => keys !== null)).toEqual([]);
      }),
      { numRuns: RUNS },
    );
    expect(told.rings).toBeGreaterThan(0);
  }, 300_000);

  it('accepted by its user it answers, and still opens nothing before a grant and sends no media without the peer’s own confirmation', async () => {
    const told = { answers: 0, planes: 0 };
    await fc.assert(
      fc.asyncProperty(fc.array(move, { minLength: 5, maxLength: 40 }), async (moves) => {
        const invite = await genuine();
        const { enemy, client, rings } = captured();
        await client.connect();
        await settle();
        enemy.welcome();
        enemy.drained();
        enemy.deliver('call', frameOf({ what: 'invite', n: 0, rev: 1 }, invite));
        await soon(() => rings.length > 0, 5_000);
        rings[0]?.accept();
        await soon(() => enemy.seen.answers > 0, 500);
        let granted = false;
        const early: Seen[] = [];
        for (const one of moves) {
          granted ||= GRANTS.has(one.what);
          perform(enemy, one, invite);
          await settle();
          if (!granted) early.push({ ...enemy.seen, answers: 0 });
        }
        await soon(() => false, 20);
        told.answers += enemy.seen.answers;
        told.planes += enemy.seen.planes;
        client.close();
        expect(early.filter((seen) => JSON.stringify(seen) !== JSON.stringify(nothing()))).toEqual([]);
        expect(enemy.seen.media).toBe(0);
        expect(rings.filter(({ keys }) => keys !== null)).toEqual([]);
      }),
      { numRuns: RUNS },
    );
    expect(told.answers).toBeGreaterThan(0);
    expect(told.planes).toBeGreaterThan(0);
  }, 300_000);
});
