import { base64url } from '../../src/bytes/base64url.ts';
import type { Verb } from '../../src/protocol/call.ts';
import { PING } from '../../src/protocol/keep-alive.ts';
import type { ClientConfig } from '../../src/sdk/index.ts';
import type { SocketLike } from '../../src/sdk/config.ts';
import type { KeyStore } from '../../src/sdk/store.ts';

/** A socket whose other end is the adversary. */
export class Wire implements SocketLike {
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
export interface Seen {
  /** Sealed answers: the first thing of a callee that its caller's keys are made of. */
  answers: number;
  /** Tickets asked for and planes opened: the way on which keys are confirmed and media may flow. */
  planes: number;
  datagrams: number;
  /** What a device says once the peer's confirmation verified. */
  confirms: number;
  media: number;
}

/** What a device keeps, as it was; what is written to it here is forgotten with it. */
export function copyOf(kept: KeyStore): KeyStore {
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

export const nothing = (): Seen => ({ answers: 0, planes: 0, datagrams: 0, confirms: 0, media: 0 });

/** The server as an enemy: it answers what it likes, and whatever it pushes is its own choice. */
export class Adversary {
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
    if (text === PING) return;
    const { type, request, verb } = JSON.parse(text) as { type: string; request: string; verb: Verb };
    if (type !== 'call') return;
    this.#count(verb);
    this.asked.push({ wire, request, verb });
  }

  #count({ verb }: Verb): void {
    if (verb === 'answer') this.seen.answers++;
    if (verb === 'confirm') this.seen.confirms++;
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    if (url.endsWith('/v1/courier/nonce')) return Response.json({ nonce: 'n', serverNow: this.#honest.now() });
    if (url.endsWith('/tickets')) {
      this.seen.planes++;
      return Response.json({ ticket: 'A'.repeat(43), expiresAt: this.#honest.now() + 30_000 }, { status: 201 });
    }
    if (url.endsWith('/verbs')) {
      const verb = JSON.parse(init.body as string) as Verb;
      this.#count(verb);
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
