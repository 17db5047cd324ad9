import { Memory } from '../../actors/kernel/memory.ts';
import { migrate, schemaState } from '../../actors/kernel/schema.ts';
import type { Store } from '../../actors/kernel/store.ts';
import { takeTurn, type Taken, type Trigger } from '../../actors/kernel/turn.ts';
import type { Actor, Address, Fault, Json, Mail } from '../../actors/port.ts';
import type { Platform } from '../runner.ts';
import { report } from './faults.ts';
import type { Sockets } from './sockets.ts';
import { endpoint, valueOf, type Ways } from './ways.ts';

/** How long a turn that can wait does so for the next one, to go in its commit. */
const PATIENCE_MS = 20;

/** Thrown to take back a transaction in which nothing was worth keeping. */
const NOTHING = Symbol('nothing was written');

/** `empty`: this object has never written; `outdated`: newer code has. */
export type Ground = 'empty' | 'current' | 'outdated';

/**
 * One object's platform. Effects need no waiting for the disk here: the output gate holds every frame, call and response
 * until the writes before it are durable, and resets the object when they fail.
 */
export class ObjectPlatform implements Platform {
  readonly actors: ReadonlyMap<string, Actor>;
  readonly #actor: Actor;
  readonly #storage: DurableObjectStorage;
  readonly #store: Store;
  readonly #sockets: Sockets;
  readonly #ways: Ways;
  /** Lives as long as this instance, which is the only one that writes; a failed commit ends the instance. */
  readonly #memory = new Memory();
  /** The tables are known to be as this code wants them. */
  #ready = false;
  /** Turns that can wait and still do, oldest first. */
  readonly #waiting: (() => void)[] = [];
  /** When the alarm is set for, as far as this instance knows; undefined before it has looked. */
  #armed: number | null | undefined;

  constructor(actor: Actor, storage: DurableObjectStorage, store: Store, sockets: Sockets, ways: Ways) {
    this.actors = new Map([[actor.kind, actor]]);
    this.#actor = actor;
    this.#storage = storage;
    this.#store = store;
    this.#sockets = sockets;
    this.#ways = ways;
  }

  now(): number {
    return Date.now();
  }

  /** Looks at the rows and brings their schema up. Synchronous, so no other event can come between. */
  ground(): Ground {
    if (this.#ready) return 'current';
    if (this.#store.all(`SELECT 1 FROM sqlite_master WHERE name = 'port_schema'`, []).length === 0) return 'empty';
    const state = schemaState(this.#store, this.#actor);
    if (state === 'outdated') return 'outdated';
    if (state === 'behind') this.#storage.transactionSync(() => migrate(this.#store, this.#actor));
    this.#ready = true;
    return 'current';
  }

  /** Turns taken without a pause between them are one commit, each under a savepoint of its own. */
  commit(self: Address, trigger: Trigger, patient: boolean): Promise<Taken | 'outdated'> {
    if (patient) return this.#wait(() => this.#take(self, trigger));
    this.#takeWaiting();
    return this.#take(self, trigger);
  }

  #wait<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting.length === 0) setTimeout(() => this.#takeWaiting(), PATIENCE_MS);
    return new Promise((resolve) => this.#waiting.push(() => resolve(work())));
  }

  #takeWaiting(): void {
    for (const take of this.#waiting.splice(0)) take();
  }

  async #take(self: Address, trigger: Trigger): Promise<Taken | 'outdated'> {
    if (this.ground() === 'outdated') return 'outdated';
    const sockets = this.#sockets;
    let live: ReadonlyMap<string, number> | undefined;
    const taken = this.#transaction(() => {
      const done = takeTurn(
        {
          store: this.#store,
          actor: this.#actor,
          self,
          now: this.now(),
          random: (bytes) => crypto.getRandomValues(new Uint8Array(bytes)),
          /** Most turns look at no socket. */
          get live() {
            return (live ??= sockets.live());
          },
          ready: this.#ready,
          memory: this.#memory,
        },
        trigger,
      );
      if (done.wrote && done.wakeAt !== undefined) this.arm(self, done.wakeAt);
      return { value: done, keep: done.wrote };
    });
    if (taken.erased) await this.#wipe();
    return taken;
  }

  /** What runs without a pause goes in one commit here anyway; `transactionSync` would begin one for what only reads, too. */
  async maintain<T>(_: Address, work: (store: Store, memory: Memory) => T): Promise<T> {
    if (this.ground() === 'current') return work(this.#store, this.#memory);
    return this.#transaction(() => {
      migrate(this.#store, this.#actor);
      return { value: work(this.#store, this.#memory), keep: false };
    });
  }

  carry(mail: Mail): Promise<Json> {
    return valueOf(endpoint(this.#ways, mail.to).receive(mail));
  }

  ask(from: Address, to: Address, key: string, body: Json): Promise<Json> {
    return valueOf(endpoint(this.#ways, to).ask(from, key, body));
  }

  send(_: Address, socket: string, frame: string | Uint8Array): void {
    this.#sockets.send(socket, frame);
  }

  close(_: Address, socket: string, code: number, reason: string): void {
    this.#sockets.close(socket, code, reason);
  }

  liveSockets(): { has(id: string): boolean } {
    return this.#sockets.live();
  }

  async enqueue(queue: string, self: Address, key: string): Promise<void> {
    const producer = this.#ways.queues.get(queue);
    if (!producer) throw new Error(`no queue ${queue} is bound`);
    await producer.send({ actor: { kind: self.kind, name: self.name }, key });
  }

  /**
   * Inside a turn's transaction this is part of its commit: no crash can separate rows from their alarm. One that is set for
   * earlier stays and looks again when it fires: to move an alarm is a write, in the runtime's own table of alarms too.
   */
  arm(_: Address, at: number | null): void {
    if (at === null || (typeof this.#armed === 'number' && this.#armed <= at)) return;
    this.#armed = at;
    void this.#storage.setAlarm(at);
  }

  /** Learns what an earlier instance armed. `fired`: the alarm that was set is the one running now. */
  async learnAlarm(fired: boolean): Promise<void> {
    if (fired) this.#armed = null;
    if (this.#armed !== undefined) return;
    const at = await this.#storage.getAlarm();
    if (this.#armed === undefined) this.#armed = at;
  }

  report(fault: Fault): void {
    report(fault);
  }

  /** Without tables of its own the object is served by tables made for the moment: what is not kept leaves no trace. */
  #transaction<T>(work: () => { value: T; keep: boolean }): T {
    let done: { value: T; keep: boolean } | undefined;
    try {
      this.#storage.transactionSync(() => {
        done = work();
        if (!done.keep && !this.#ready) throw NOTHING;
      });
      this.#ready = true;
    } catch (error) {
      this.#memory.forget();
      if (error !== NOTHING) throw error;
    }
    return done!.value;
  }

  /** The actor's rows are gone already; this takes the tables and the alarm. */
  async #wipe(): Promise<void> {
    this.#ready = false;
    this.#armed = null;
    await this.#storage.deleteAll();
  }
}
