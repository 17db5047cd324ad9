import { migrate } from '../../actors/kernel/schema.ts';
import { nameOf, type Store } from '../../actors/kernel/store.ts';
import { nextWake, takeTurn, type Taken, type Trigger } from '../../actors/kernel/turn.ts';
import type { Actor, Address, Answer, Bind, Fault, Json, Mail } from '../../actors/port.ts';
import { PING } from '../../protocol/keep-alive.ts';
import { Runner, type Platform } from '../runner.ts';
import { Dice } from './dice.ts';
import { Incarnation } from './incarnation.ts';
import { MemoryStore } from './memory-store.ts';
import { SimulatedSocket } from './socket.ts';
import { Timeline } from './timeline.ts';
import { CALM, type Weather } from './weather.ts';

/** How long a caller waits for an answer that was lost. */
const PATIENCE_MS = 2_000;
const EPOCH_MS = 1_800_000_000_000;

export interface SimulatorOptions {
  readonly actors: readonly Actor[];
  /** When virtual time begins, ms; always the same when left out, so that a seed replays. */
  readonly startsAt?: number;
  /** Stands between the kernel and the rows; a planted fault lives here. */
  readonly wrapStore?: (store: Store) => Store;
}

interface Life {
  readonly incarnation: Incarnation;
  readonly runner: Runner;
  /** Settled when the start-up work of this life is done. */
  readonly awake: Promise<void>;
}

/**
 * The real actors and the real runner in virtual time, every choice drawn from one seed. Each actor lives in a process of
 * its own that may die at any turn; rows survive, everything else does not.
 */
export class Simulator {
  readonly faults: Fault[] = [];
  weather: Weather = CALM;
  /** Told of everything that happens, when somebody wants to read it. */
  trace: ((at: number, actor: string, what: string) => void) | null = null;
  readonly #memory = new MemoryStore();
  readonly #store: Store;
  readonly #actors = new Map<string, Actor>();
  readonly #epoch: number;
  #timeline: Timeline;
  #dice = new Dice(0);
  #lives = new Map<string, Life>();
  #skews = new Map<string, number>();
  /** Admissions and other real promises that the next step must wait for. */
  #pending = 0;
  #sockets = 0;

  constructor(options: SimulatorOptions) {
    this.#epoch = options.startsAt ?? EPOCH_MS;
    this.#timeline = new Timeline(this.#epoch);
    this.#store = options.wrapStore ? options.wrapStore(this.#memory) : this.#memory;
    for (const actor of options.actors) {
      this.#actors.set(actor.kind, {
        ...actor,
        admit: (arrival, now) => this.#waitFor(Promise.resolve(actor.admit(arrival, now))),
        turn: actor.turn.bind(actor),
      });
      migrate(this.#memory, actor);
    }
    this.#memory.begin();
  }

  get now(): number {
    return this.#timeline.now;
  }

  get dice(): Dice {
    return this.#dice;
  }

  /** Forgets everything and starts again from `seed`. */
  reset(seed: number, weather: Weather): void {
    for (const life of this.#lives.values()) life.incarnation.end();
    this.#memory.reset();
    this.#memory.begin();
    this.#timeline = new Timeline(this.#epoch);
    this.#dice = new Dice(seed);
    this.#lives = new Map();
    this.#skews = new Map();
    this.#sockets = 0;
    this.faults.length = 0;
    this.weather = weather;
  }

  /** The returned function takes it back. */
  plan(afterMs: number, run: () => void): () => void {
    return this.#timeline.plan(this.now + afterMs, run);
  }

  /** Rows as they are, for a judge; no actor is asked. */
  rows<R>(sql: string, ...binds: readonly Bind[]): R[] {
    return this.#memory.all<R>(sql, binds);
  }

  /** A line of the trace from somebody outside the actors. */
  remark(who: string, what: string): void {
    this.trace?.(this.now - this.#epoch, who, what);
  }

  /** Runs until nothing is planned before `untilMs` from now; then it is that time. */
  async pass(untilMs: number): Promise<void> {
    const end = this.now + untilMs;
    await this.#drain();
    for (let next = this.#timeline.next(); next !== null && next <= end; next = this.#timeline.next()) {
      this.#timeline.step();
      await this.#drain();
    }
    this.#timeline.skipTo(end);
  }

  async command(to: Address, key: string, body: unknown): Promise<Answer> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#timeline.plan(this.now + this.#delay(), () => {
      const life = this.#life(to);
      const answered = life.awake.then(() => life.runner.command(to, null, key, body));
      Promise.race([answered, life.incarnation.death]).then(resolve, () =>
        resolve({ ok: false, reason: 'unavailable' }),
      );
    });
    return promise;
  }

  async hinted(to: Address, queue: string, key: string): Promise<Answer> {
    const life = this.#life(to);
    await life.awake;
    return life.runner.hinted(to, queue, key);
  }

  connect(to: Address, tags: readonly string[], body: unknown): SimulatedSocket {
    const socket = new SimulatedSocket(`socket-${++this.#sockets}`, this.#timeline, () => this.#delay());
    socket.up(() => {
      const life = this.#life(to);
      life.incarnation.sockets.set(socket.id, socket);
      this.#note(to, `opened ${socket.id} ${tags.join()}`);
      void life.awake.then(() => life.runner.opened(to, socket.id, tags, body));
    });
    return socket;
  }

  /** A frame from the client. */
  send(to: Address, socket: SimulatedSocket, frame: string | Uint8Array): void {
    if (frame === PING) return socket.keepAlive();
    socket.up(() => {
      const life = this.#life(to);
      void life.awake.then(() => life.runner.frame(to, socket.id, frame));
    });
  }

  /** The network drops a socket: the client sees it at once, the actor after a while; of a silent one it hears nothing. */
  cut(to: Address, socket: SimulatedSocket, code = 1006): void {
    socket.cut(code);
    if (!socket.silent) this.#timeline.plan(this.now + this.#delay(), () => this.#lost(to, socket));
  }

  /** One actor's process dies and starts again when something wakes it. */
  crash(self: Address): void {
    const life = this.#lives.get(nameOf(self));
    if (life) this.#kill(life.incarnation);
  }

  crashAll(): void {
    for (const life of this.#lives.values()) this.#kill(life.incarnation);
  }

  /** The actor leaves memory; its sockets stay. */
  evict(self: Address): void {
    const life = this.#lives.get(nameOf(self));
    if (!life) return;
    this.#note(self, 'evicted');
    const next = this.#born(self);
    for (const [id, socket] of life.incarnation.sockets) next.incarnation.sockets.set(id, socket);
    life.incarnation.end();
    this.#lives.set(nameOf(self), next);
  }

  async #waitFor<T>(work: Promise<T>): Promise<T> {
    this.#pending++;
    try {
      return await work;
    } finally {
      this.#pending--;
    }
  }

  async #drain(): Promise<void> {
    do await new Promise((resolve) => setImmediate(resolve));
    while (this.#pending > 0);
  }

  #delay(): number {
    return this.#dice.between(this.weather.leastDelayMs, this.weather.mostDelayMs);
  }

  #skew(self: Address): number {
    const name = nameOf(self);
    let skew = this.#skews.get(name);
    if (skew === undefined) {
      skew = this.#dice.between(-this.weather.skewMs, this.weather.skewMs);
      this.#skews.set(name, skew);
    }
    return skew;
  }

  #note(self: Address, what: string): void {
    this.trace?.(this.now - this.#epoch, nameOf(self), what);
  }

  #life(self: Address): Life {
    let life = this.#lives.get(nameOf(self));
    if (!life) {
      life = this.#born(self);
      this.#lives.set(nameOf(self), life);
    }
    return life;
  }

  #born(self: Address): Life {
    const incarnation = new Incarnation(self);
    const runner = new Runner(this.#platform(incarnation));
    const awake = Promise.resolve()
      .then(() => runner.awaken(self))
      .catch(() => undefined);
    return { incarnation, runner, awake };
  }

  #kill(incarnation: Incarnation): void {
    if (!incarnation.alive) return;
    incarnation.end();
    const { self } = incarnation;
    this.#note(self, 'DIED');
    this.#lives.delete(nameOf(self));
    for (const socket of incarnation.sockets.values())
      this.#timeline.plan(this.now + this.#delay(), () => socket.vanish(1006));
    const at = nextWake(this.#store, self);
    if (at !== null)
      this.#timeline.plan(Math.max(at - this.#skew(self), this.now + this.#delay()), () => this.#life(self));
  }

  #lost(self: Address, socket: SimulatedSocket): void {
    const life = this.#lives.get(nameOf(self));
    if (!life?.incarnation.sockets.delete(socket.id)) return;
    void life.awake.then(() => life.runner.lost(self, socket.id));
  }

  #platform(incarnation: Incarnation): Platform {
    const { self } = incarnation;
    return {
      actors: this.#actors,
      now: () => this.now + this.#skew(self),
      commit: (_, trigger) => this.#commit(incarnation, trigger),
      maintain: async (_, work) => {
        if (!incarnation.alive) return incarnation.death;
        return this.#memory.attempt(
          () => work(this.#store, incarnation.memory),
          () => true,
        );
      },
      carry: (mail) => this.#carry(incarnation, mail),
      ask: (from, to, key, body) =>
        this.#fly(incarnation, to, `asks ${nameOf(to)} ${key}`, (life) => this.#asked(life, from, to, key, body)),
      send: (_, socket, frame) => {
        this.#note(self, `to ${socket}: ${String(frame)}`);
        incarnation.sockets.get(socket)?.down(frame);
      },
      close: (_, id, code) => {
        const socket = incarnation.sockets.get(id);
        socket?.finish(code);
        if (socket) this.#timeline.plan(this.now + this.#delay(), () => this.#lost(self, socket));
      },
      liveSockets: () => incarnation.sockets,
      enqueue: async (queue, to, key) => this.#hint(queue, to, key),
      arm: (_, at) => this.#arm(incarnation, at),
      report: (fault) => {
        if (!incarnation.alive) return;
        this.faults.push(fault);
        this.#note(self, `fault ${fault.type} ${fault.key}: ${fault.error}`);
      },
    };
  }

  async #commit(incarnation: Incarnation, trigger: Trigger): Promise<Taken> {
    if (!incarnation.alive) return incarnation.death;
    const { self } = incarnation;
    const actor = this.#actors.get(self.kind) as Actor;
    if (this.#dice.chance(this.weather.crashBeforeCommit)) {
      this.#note(self, `dies before committing ${describe(trigger)}`);
      this.#kill(incarnation);
      return incarnation.death;
    }
    const skew = this.#skew(self);
    const live = new Map([...incarnation.sockets].map(([id, socket]) => [id, socket.heardAt + skew]));
    const now = this.now + skew;
    const taken = this.#memory.attempt(
      () =>
        takeTurn(
          {
            store: this.#store,
            actor,
            self,
            now,
            random: (count) => this.#dice.bytes(count),
            live,
            ready: true,
            memory: incarnation.memory,
          },
          trigger,
        ),
      (result) => result.wrote,
    );
    this.#note(self, `${describe(trigger)}${taken.wrote ? '' : ' (nothing written)'}`);
    if (taken.wrote && this.#dice.chance(this.weather.crashAfterCommit)) {
      this.#note(self, 'dies after that commit');
      this.#kill(incarnation);
      return incarnation.death;
    }
    return taken;
  }

  #carry(incarnation: Incarnation, mail: Mail): Promise<Json> {
    return this.#fly(incarnation, mail.to, `mails ${nameOf(mail.to)} ${mail.key}`, (life) => life.runner.receive(mail));
  }

  async #asked(life: Life, from: Address, to: Address, key: string, body: Json): Promise<Json> {
    const answer = await life.runner.command(to, from, key, body);
    if (!answer.ok) throw new Error(answer.reason);
    return answer.value;
  }

  /** One flight through the weather: lost, late, doubled, unanswered, or answered. */
  #fly(sender: Incarnation, to: Address, what: string, arrive: (life: Life) => Promise<Json>): Promise<Json> {
    const { promise, resolve, reject } = Promise.withResolvers<Json>();
    const giveUp = (why: string) => this.#timeline.plan(this.now + PATIENCE_MS, () => reject(new Error(why)));
    const land = (answer: (reply: Json) => void, failed: () => void) => {
      const life = this.#life(to);
      Promise.race([life.awake.then(() => arrive(life)), life.incarnation.death]).then(answer, failed);
    };
    this.#note(sender.self, what);
    if (this.#dice.chance(this.weather.twice)) {
      this.#timeline.plan(this.now + this.#delay(), () =>
        land(
          () => undefined,
          () => undefined,
        ),
      );
    }
    if (this.#dice.chance(this.weather.lost)) giveUp('lost');
    else {
      const silent = this.#dice.chance(this.weather.unanswered);
      const answered = (reply: Json) =>
        silent ? giveUp('unanswered') : this.#timeline.plan(this.now + this.#delay(), () => resolve(reply));
      this.#timeline.plan(this.now + this.#delay(), () => land(answered, () => giveUp('failed there')));
    }
    return Promise.race([promise, sender.death]);
  }

  #hint(queue: string, to: Address, key: string): void {
    if (this.#dice.chance(this.weather.lost)) return;
    const arrive = () => void this.hinted(to, queue, key);
    this.#timeline.plan(this.now + this.#delay(), arrive);
    if (this.#dice.chance(this.weather.twice)) this.#timeline.plan(this.now + this.#delay(), arrive);
  }

  #arm(incarnation: Incarnation, at: number | null): void {
    incarnation.disarm();
    if (at === null || !incarnation.alive) return;
    const { self } = incarnation;
    incarnation.disarm = this.#timeline.plan(at - this.#skew(self), () => {
      const life = this.#lives.get(nameOf(self));
      if (life?.incarnation === incarnation) void life.awake.then(() => life.runner.alarm(self)).catch(() => undefined);
    });
  }
}

function describe(trigger: Trigger): string {
  switch (trigger.type) {
    case 'command':
      return `command ${trigger.key} ${JSON.stringify(trigger.body)}`;
    case 'mail':
      return `mail ${nameOf(trigger.mail.from)} #${trigger.mail.number % 1_000_000} ${trigger.mail.key}`;
    case 'settled':
      return `answer of ${nameOf(trigger.to)} #${trigger.number % 1_000_000} ${JSON.stringify(trigger.reply)}`;
    case 'handed':
      return `handed ${trigger.key} by ${nameOf(trigger.from)}`;
    case 'returned':
      return `returned ${trigger.key} by ${nameOf(trigger.to)}`;
    case 'ask-answered':
      return `ask answered by ${nameOf(trigger.to)} ${trigger.key}`;
    case 'opened':
    case 'frame':
    case 'lost':
      return `${trigger.type} ${trigger.socket}`;
    case 'due':
      return `due ${trigger.key}`;
    case 'hinted':
      return `hinted ${trigger.queue} ${trigger.key}`;
  }
}
