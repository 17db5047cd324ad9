import { Memory } from '../../actors/kernel/memory.ts';
import type { Store } from '../../actors/kernel/store.ts';
import { heads } from '../../actors/kernel/mail.ts';
import { addressOf, nameOf } from '../../actors/kernel/store.ts';
import { owed, takeTurn, type Follower, type Taken, type Trigger } from '../../actors/kernel/turn.ts';
import type { Actor, Actors, Address, Answer, Consumer, Fault, Json, Mail } from '../../actors/port.ts';
import { CLOSE } from '../../protocol/courier.ts';
import { type Outgoing, Runner, type Platform } from '../runner.ts';
import { dropJobs, Jobs, keepJob } from './jobs.ts';
import { Pool } from './pool.ts';
import { Relay, summed } from './relay.ts';
import type { CommitPoint } from './shard.ts';
import { Shards } from './shards.ts';
import { Sockets } from './sockets.ts';
import { Timers } from './timers.ts';

/** Wakes beyond the horizon stay in their rows until a sweep comes near them, so memory holds only what is soon. */
const SWEEP_MS = 300_000;
const HORIZON_MS = 2 * SWEEP_MS;
/** Actors that are woken side by side after a start or at one moment. */
const WAKING_WIDTH = 256;
const WAKE_AGAIN_MS = 1_000;
/** Commands from outside that may be under way before newcomers are told `unavailable` at once: overload is not retried. */
const MOST_UNDER_WAY = 8_192;
/** Actors whose rows are kept in mind, some 4 KiB each and at most about 100; one more, and all are read anew. */
const MOST_REMEMBERED = 4_096;
/** How long a stopping host waits for turns that are under way. */
const LONGEST_STOP_MS = 5_000;

export interface HostOptions {
  /** An existing folder that is this process's alone. */
  readonly folder: string;
  /** How many files the actors are spread over; fixed for the life of the folder. */
  readonly files: number;
  readonly actors: readonly Actor[];
  readonly consumers: (actors: Actors) => ReadonlyMap<string, Consumer>;
  /** How long a hint of a queue waits for others of its actor, ms; without an entry it does not. */
  readonly rests?: ReadonlyMap<string, number>;
  readonly report: (fault: Fault) => void;
  /** Tests only: what the way between two actors does to a mail or an ask. */
  readonly network?: (deliver: () => Promise<Json>) => Promise<Json>;
  /** Tests only: whether mail may go in its sender's commit now. */
  readonly together?: () => boolean;
  /** Tests only: told at labelled points of a commit, where the process may be made to die. */
  readonly at?: (point: CommitPoint) => void;
}

/** All actors in one process. Opening it makes and migrates the files; `start` wakes what an earlier process left. */
export class Host implements Platform {
  readonly actors: ReadonlyMap<string, Actor>;
  readonly client: Actors;
  readonly #options: HostOptions;
  readonly #shards: Shards;
  readonly #sockets: Sockets;
  readonly #timers: Timers;
  readonly #jobs: Jobs;
  readonly #runner: Runner;
  readonly #memories = new Map<string, Memory>();
  readonly #waking = new Pool(WAKING_WIDTH);
  readonly #settled = Promise.withResolvers<void>();
  #sweeper: ReturnType<typeof setInterval> | undefined;
  #underWay = 0;
  #deadAreTold = false;
  #stopping = false;

  constructor(options: HostOptions) {
    this.#options = options;
    this.actors = new Map(options.actors.map((actor) => [actor.kind, actor]));
    this.#shards = new Shards(options.folder, options.files, options.actors, {
      at: options.at,
      undone: () => this.#memories.clear(),
    });
    this.#runner = new Runner(this);
    this.client = this.#makeClient();
    this.#sockets = new Sockets(this.#listener(), () => this.now());
    this.#timers = new Timers(
      () => this.now(),
      (name) => this.#wake(addressOf(name)),
    );
    this.#jobs = new Jobs({
      shards: this.#shards.all,
      consumers: options.consumers(this.client),
      now: () => this.now(),
      report: (fault) => this.report(fault),
    });
  }

  /** Tells sockets that died with an earlier process, then lets its mail fly, its deadlines ring and its jobs run. */
  async start(): Promise<void> {
    await this.#tellDead();
    this.#deadAreTold = true;
    this.#settled.resolve();
    const owing = await this.#everywhere((store) =>
      store.all<{ actor: string }>(`SELECT DISTINCT actor FROM port_outbox`, []),
    );
    for (const { actor } of owing) this.#armBy(actor, this.now());
    await this.#armSoon();
    this.#sweeper = setInterval(() => void this.#sweep(), SWEEP_MS);
    this.#jobs.start();
  }

  /** Takes in nothing more and closes every socket (1012), each after its farewell. */
  async partFromSockets(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#sweeper);
    this.#timers.stop();
    this.#jobs.stop();
    await this.#sockets.closeAll(
      CLOSE.restart,
      'restart',
      (self, tags, crowd) => this.actors.get(self.kind)?.farewell?.(tags, crowd) ?? null,
    );
  }

  /** Parts from its sockets, lets turns end and leaves the files closed. */
  async stop(): Promise<void> {
    const parted = this.partFromSockets();
    await this.#quiet(Date.now() + LONGEST_STOP_MS);
    await parted;
    for (const shard of this.#shards.all) shard.close();
  }

  /** Resolves when every file has taken a transaction. */
  async check(): Promise<void> {
    await this.#everywhere(() => []);
  }

  /** SQLite's own upkeep of what its planner knows (sqlite.org/pragma.html#pragma_optimize). */
  async optimize(): Promise<void> {
    await this.#everywhere((store) => store.all(`PRAGMA optimize`, []));
  }

  now(): number {
    return Date.now();
  }

  async commit(self: Address, trigger: Trigger, patient: boolean): Promise<Taken | 'outdated'> {
    if (!this.actors.has(self.kind)) throw new Error(`no actor of kind ${self.kind}`);
    if (this.#shards.outdated(self)) return 'outdated';
    const shard = this.#shards.of(self);
    const work = (store: Store): Taken => {
      const now = this.now();
      const relay = this.#relay(store, now, self);
      const first = relay.begin({ self, taken: this.#turn(store, now, self, trigger) });
      relay.run();
      const [told, ...followers] = this.#summed(store, [first, ...relay.followers]);
      return { ...told!.taken, followers };
    };
    return patient ? shard.takePatiently(work) : shard.take(work);
  }

  /** What mail waits goes in one commit to receivers in the same file; what is left has to fly. */
  async outgoing(self: Address): Promise<Outgoing> {
    if (this.#shards.outdated(self)) return { followers: [], mail: [] };
    return this.#shards.of(self).take((store) => {
      const now = this.now();
      const relay = this.#relay(store, now, self);
      relay.look(self);
      relay.run();
      const followers = this.#summed(store, relay.followers);
      return { followers, mail: heads(store, self, this.#memoryOf(self), now) };
    });
  }

  #summed(store: Store, turns: readonly Follower[]): Follower[] {
    return summed((one) => owed(store, one, this.#memoryOf(one)), turns);
  }

  #relay(store: Store, now: number, self: Address): Relay {
    const shard = this.#shards.of(self);
    return new Relay(
      {
        actors: this.actors,
        now,
        together: this.#deadAreTold && this.#options.together?.() !== false,
        turn: (one, trigger) => this.#turn(store, now, one, trigger),
        here: (to) => !this.#shards.outdated(to) && this.#shards.of(to) === shard,
        flies: (mail) => this.#runner.flies(mail),
        memory: (one) => this.#memoryOf(one),
        report: (fault) => this.report(fault),
      },
      store,
    );
  }

  #turn(store: Store, now: number, self: Address, trigger: Trigger): Taken {
    const actor = this.actors.get(self.kind);
    if (!actor) throw new Error(`no actor of kind ${self.kind}`);
    const taken = takeTurn(
      {
        store,
        actor,
        self,
        now,
        random,
        live: this.#sockets.of(self),
        ready: true,
        chained: true,
        memory: this.#memoryOf(self),
      },
      trigger,
    );
    if (taken.erased) dropJobs(store, self);
    for (const effect of taken.effects)
      if (effect.type === 'hint') keepJob(store, self, effect.queue, effect.key, now + this.#restOf(effect.queue));
    return taken;
  }

  maintain<T>(self: Address, work: (store: Store, memory: Memory) => T): Promise<T> {
    return this.#shards.of(self).take((store) => work(store, this.#memoryOf(self)));
  }

  #memoryOf(self: Address): Memory {
    const name = nameOf(self);
    let memory = this.#memories.get(name);
    if (!memory) {
      if (this.#memories.size >= MOST_REMEMBERED) this.#memories.clear();
      memory = new Memory();
      this.#memories.set(name, memory);
    }
    return memory;
  }

  async carry(mail: Mail): Promise<Json> {
    await this.#settled.promise;
    return this.#travel(() => this.#runner.receive(mail));
  }

  async ask(from: Address, to: Address, key: string, body: Json): Promise<Json> {
    await this.#settled.promise;
    return this.#travel(async () => {
      const answer = await this.#runner.command(to, from, key, body);
      if (!answer.ok) throw new Error(`${nameOf(to)} is ${answer.reason}`);
      return answer.value;
    });
  }

  #travel(deliver: () => Promise<Json>): Promise<Json> {
    return this.#options.network ? this.#options.network(deliver) : deliver();
  }

  send(_self: Address, socket: string, frame: string | Uint8Array): void {
    this.#sockets.send(socket, frame);
  }

  close(_self: Address, socket: string, code: number, reason: string): void {
    this.#sockets.close(socket, code, reason);
  }

  liveSockets(self: Address): ReadonlyMap<string, number> {
    return this.#sockets.of(self);
  }

  /** The row stands since the turn's own commit. */
  async enqueue(queue: string, self: Address): Promise<void> {
    this.#jobs.look(this.#shards.of(self), this.#restOf(queue));
  }

  #restOf(queue: string): number {
    return this.#options.rests?.get(queue) ?? 0;
  }

  arm(self: Address, at: number | null): void {
    if (this.#stopping) return;
    this.#timers.arm(nameOf(self), at !== null && at <= this.now() + HORIZON_MS ? at : null);
  }

  /** What fails because the host is stopping is done again after the next start. */
  report(fault: Fault): void {
    if (!this.#stopping) this.#options.report(fault);
  }

  #wake(self: Address): void {
    this.#waking
      .run(() => this.#runner.alarm(self))
      .catch((error: unknown) => {
        this.report({ type: 'deadline-failed', actor: self, key: '', error: String(error) });
        this.arm(self, this.now() + WAKE_AGAIN_MS);
      });
  }

  /** Wakes that have come near, and whatever a commit that failed has left untold or unarmed. */
  async #sweep(): Promise<void> {
    try {
      await this.#tellDead();
      await this.#armSoon();
    } catch {
      // The files take nothing now, which every turn reports; the next sweep looks again.
    }
  }

  async #tellDead(): Promise<void> {
    const rows = await this.#everywhere((store) =>
      store.all<{ actor: string; id: string }>(`SELECT actor, id FROM port_socket ORDER BY opened, id`, []),
    );
    const dead = rows
      .map(({ actor, id }) => ({ self: addressOf(actor), id }))
      .filter(({ self, id }) => !this.#shards.outdated(self) && !this.#sockets.of(self).has(id));
    await Promise.all(dead.map(({ self, id }) => this.#waking.run(() => this.#runner.lost(self, id))));
  }

  async #armSoon(): Promise<void> {
    const soon = this.now() + HORIZON_MS;
    const wakes = await this.#everywhere((store) =>
      store.all<{ actor: string; at: number }>(
        `SELECT actor, MIN(at) AS at FROM (SELECT actor, at FROM port_deadline WHERE at <= ?1
           UNION ALL SELECT actor, MIN(retry_at, until) AS at FROM port_outbox) GROUP BY actor`,
        [soon],
      ),
    );
    for (const { actor, at } of wakes) this.#armBy(actor, at);
  }

  #armBy(name: string, at: number): void {
    if (!this.#stopping && !this.#shards.outdated(addressOf(name))) this.#timers.armBy(name, at);
  }

  async #everywhere<R>(work: (store: Store) => R[]): Promise<R[]> {
    return (await Promise.all(this.#shards.all.map((shard) => shard.take(work)))).flat();
  }

  #listener() {
    return {
      opened: async (self: Address, id: string, tags: readonly string[], body: unknown) => {
        if (!(await this.#runner.opened(self, id, tags, body))) this.#sockets.close(id, 1011, 'not admitted');
      },
      frame: (self: Address, id: string, frame: string | Uint8Array) => this.#runner.frame(self, id, frame),
      lost: (self: Address, id: string) => this.#runner.lost(self, id),
    };
  }

  #makeClient(): Actors {
    return {
      command: (to, key, body) => this.#counted(() => this.#runner.command(to, null, key, body)),
      hinted: (to, queue, key) => this.#counted(() => this.#runner.hinted(to, queue, key)),
      upgrade: async (to, request, { tags, body, protocol }) => {
        if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket') return new Response(null, { status: 426 });
        if (this.#full) return new Response(null, { status: 503 });
        return this.#sockets.upgrade(to, request, tags, body, protocol);
      },
      turnAway: (request, closing) => this.#sockets.turnAway(request, closing),
    };
  }

  async #counted(command: () => Promise<Answer>): Promise<Answer> {
    if (this.#full) return { ok: false, reason: 'unavailable' };
    this.#underWay++;
    try {
      return await command();
    } finally {
      this.#underWay--;
    }
  }

  get #full(): boolean {
    return this.#stopping || this.#underWay >= MOST_UNDER_WAY;
  }

  /** Until nothing waits for a commit and nothing is under way, looked at twice, because one turn brings another. */
  async #quiet(until: number): Promise<void> {
    for (let calm = 0; calm < 2 && Date.now() < until;) {
      const waiting = this.#shards.all.some((shard) => shard.waiting > 0);
      const busy = waiting || this.#underWay > 0 || !this.#waking.idle || !this.#jobs.idle;
      calm = busy ? 0 : calm + 1;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

function random(bytes: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(bytes));
}
