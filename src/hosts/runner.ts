import { dueKeys, nextDeadline, orphans, postpone } from '../actors/kernel/deadlines.ts';
import { defer, heads, mailWaiting, nextRetry, UNAVAILABLE } from '../actors/kernel/mail.ts';
import type { Memory } from '../actors/kernel/memory.ts';
import { nameOf, type Store } from '../actors/kernel/store.ts';
import { earlier, type Effect, type Follower, type Taken, type Trigger } from '../actors/kernel/turn.ts';
import type { Actor, Address, Answer, Arrival, Fault, Json, Mail, Reply } from '../actors/port.ts';
import { type Bucket, takeTokens } from '../calls/bucket.ts';

/** How soon a mail in flight is looked at again. */
const FLIGHT_GUARD_MS = 250;
/** How soon an actor whose rows are newer than this code is looked at again: a deploy takes minutes. */
const OUTDATED_RETRY_MS = 60_000;

/** The next mail to each peer that is due, after what could be handed over at once was. */
export interface Outgoing {
  readonly followers: readonly Follower[];
  readonly mail: readonly { readonly mail: Mail; readonly expired: boolean }[];
}

/** What a real host brings: transactions, sockets, timers and ways to other actors. */
export interface Platform {
  readonly actors: ReadonlyMap<string, Actor>;
  now(): number;
  /**
   * Takes the turn in a transaction and resolves when its commit is durable; rejects when the turn threw. `patient`: nobody waits for
   * it, so that it may be taken a little later, in the commit of what comes next, but before that.
   */
  commit(self: Address, trigger: Trigger, patient: boolean): Promise<Taken | 'outdated'>;
  /** The port's own bookkeeping, in a transaction of its own. */
  maintain<T>(self: Address, work: (store: Store, memory: Memory) => T): Promise<T>;
  /** Only of a host whose actors share transactions: hands over within one what mail it can. */
  outgoing?(self: Address): Promise<Outgoing>;
  /** Carries a mail to its actor and brings the reply; rejects when that is not known to have happened. */
  carry(mail: Mail): Promise<Json>;
  /** Like `carry`, without number and memory. */
  ask(from: Address, to: Address, key: string, body: Json): Promise<Json>;
  send(self: Address, socket: string, frame: string | Uint8Array): void;
  close(self: Address, socket: string, code: number, reason: string): void;
  liveSockets(self: Address): { has(id: string): boolean };
  enqueue(queue: string, self: Address, key: string): Promise<void>;
  /** One timer per actor: it fires at `at` or before, null is for never. What fires too early looks, and arms again. */
  arm(self: Address, at: number | null): void;
  report(fault: Fault): void;
}

/** One actor's mail on its way. */
interface Flights {
  /** To whom one flies: the next to the same waits until that one is settled. */
  readonly peers: Set<string>;
  /** How many of them have their answer and are not settled yet. */
  landed: number;
  /** More mail waits than flies. */
  behind: boolean;
}

/** What the real hosts do alike: effects after commits, frames in order, mail until it is answered, deadlines until done. */
export class Runner {
  readonly #platform: Platform;
  /** By sender; lost in a crash, which is why receivers remember numbers. */
  readonly #flights = new Map<string, Flights>();
  /** The tail of each socket's frames: the next is admitted after the one before had its turn. */
  readonly #frames = new Map<string, Promise<void>>();
  /** What each socket has left of its actor's pace; none: all of it. */
  readonly #paces = new Map<string, Bucket>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** A command from outside, or another actor's ask. */
  command(to: Address, from: Address | null, key: string, body: unknown): Promise<Answer> {
    return this.#answered(to, key, async () => ({
      type: 'command',
      from,
      key,
      body: await this.#admit(to, { type: 'command', from, key, body }),
    }));
  }

  /** A mail that another actor's host carried here. Rejects when the turn failed, so that the sender tries again. */
  async receive(mail: Mail): Promise<Json> {
    const body = await this.#admit(mail.to, { type: 'command', from: mail.from, key: mail.key, body: mail.body });
    const taken = await this.#run(mail.to, { type: 'mail', mail, body });
    if (taken === 'outdated') throw new Error(`${nameOf(mail.to)} is outdated`);
    return taken.answer;
  }

  /** False: the actor has not seen it, and the host closes the socket. */
  async opened(self: Address, socket: string, tags: readonly string[], body: unknown): Promise<boolean> {
    let seen = false;
    await this.#inOrder(self, socket, 'opened', async () => {
      const admitted = await this.#admit(self, { type: 'opened', tags, body });
      seen = (await this.#run(self, { type: 'opened', socket, tags, body: admitted })) !== 'outdated';
    });
    return seen;
  }

  frame(self: Address, socket: string, body: string | Uint8Array): Promise<void> {
    const cameAt = this.#platform.now();
    return this.#inOrder(self, socket, 'frame', async () => {
      const admitted = this.#paced(self, socket, await this.#admit(self, { type: 'frame', body }), cameAt);
      const patient = this.#canWait(self, { type: 'frame', body: admitted });
      const turn = this.#run(self, { type: 'frame', socket, body: admitted }, patient);
      if (!patient) await turn;
      else turn.catch((error: unknown) => this.#report('turn-failed', self, 'frame', error));
    });
  }

  async lost(self: Address, socket: string): Promise<void> {
    await this.#inOrder(self, socket, 'lost', () => this.#run(self, { type: 'lost', socket }));
    this.#frames.delete(socket);
    this.#paces.delete(socket);
  }

  /** Its turn, then what the timer would do: a hint also stands in for a timer that was lost. */
  async hinted(to: Address, queue: string, key: string): Promise<Answer> {
    const answer = await this.#answered(to, key, async () => ({ type: 'hinted', queue, key }));
    if (answer.ok) this.#behind(to, this.alarm(to));
    return answer;
  }

  /** After a start: sockets that died with the process, then whatever fell due meanwhile. */
  async awaken(self: Address): Promise<void> {
    const live = this.#platform.liveSockets(self);
    const gone = await this.#platform.maintain(self, (store) => orphans(store, self, live));
    for (const socket of gone) await this.lost(self, socket);
    await this.alarm(self);
  }

  /** The timer: every due deadline has its turn, every mail that is due flies, and the timer is armed again. */
  async alarm(self: Address): Promise<void> {
    const now = this.#platform.now();
    const keys = await this.#platform.maintain(self, (store) => dueKeys(store, self, now));
    for (const key of keys) {
      if (await this.#due(self, key)) continue;
      this.#platform.arm(self, now + OUTDATED_RETRY_MS);
      return;
    }
    await this.#dispatch(self, true);
    await this.#rearm(self);
  }

  /** False: newer code must do it, and until that is here nothing of this actor is due. */
  async #due(self: Address, key: string): Promise<boolean> {
    try {
      return (await this.#run(self, { type: 'due', key })) !== 'outdated';
    } catch (error) {
      this.#report('deadline-failed', self, key, error);
      await this.#platform.maintain(self, (store, memory) => postpone(store, self, memory, key, this.#platform.now()));
      return true;
    }
  }

  async #admit(to: Address, arrival: Arrival): Promise<unknown> {
    const actor = this.#platform.actors.get(to.kind);
    if (!actor) throw new Error(`no actor of kind ${to.kind}`);
    return actor.admit(arrival, this.#platform.now());
  }

  /** Judged by when it came, not by when its turn is. */
  #paced(self: Address, socket: string, frame: unknown, cameAt: number): unknown {
    const pace = this.#platform.actors.get(self.kind)?.pace;
    const weight = pace?.weigh(frame) ?? 0;
    if (!pace || weight === 0) return frame;
    const size = { burst: pace.burst, perMs: 1_000 / pace.perSecond };
    const { ok, bucket } = takeTokens(this.#paces.get(socket) ?? null, size, cameAt, weight);
    this.#paces.set(socket, bucket);
    return ok ? frame : pace.hurried;
  }

  async #run(self: Address, trigger: Trigger, patient = false): Promise<Taken | 'outdated'> {
    const taken = await this.#take(self, trigger, patient);
    if (taken !== 'outdated' && taken.mail) this.#behind(self, this.#dispatch(self));
    return taken;
  }

  /** Like `#run`, but for this actor's own mail. */
  async #take(self: Address, trigger: Trigger, patient = false): Promise<Taken | 'outdated'> {
    const taken = await this.#platform.commit(self, trigger, patient);
    if (taken === 'outdated') {
      this.#report('outdated', self, trigger.type, 'its rows were written by newer code');
      return taken;
    }
    this.#follow(self, taken);
    for (const one of taken.followers ?? []) {
      this.#follow(one.self, one.taken);
      if (one.taken.mail) this.#behind(one.self, this.#dispatch(one.self));
    }
    return taken;
  }

  /** What a turn wants done, now that it is durable. */
  #follow(self: Address, taken: Taken): void {
    for (const effect of taken.effects) this.#effect(self, effect);
    if (taken.wakeAt !== undefined) this.#platform.arm(self, taken.wakeAt);
  }

  /** Whether a mail of this pair is on its way: the next one waits for its answer. */
  flies({ from, to }: Pick<Mail, 'from' | 'to'>): boolean {
    return this.#flights.get(nameOf(from))?.peers.has(nameOf(to)) ?? false;
  }

  #effect(self: Address, effect: Effect): void {
    switch (effect.type) {
      case 'send':
        return this.#platform.send(self, effect.socket, effect.frame);
      case 'close':
        return this.#platform.close(self, effect.socket, effect.code, effect.reason);
      case 'ask':
        return this.#behind(self, this.#ask(self, effect.to, effect.key, effect.body));
      case 'hint':
        return this.#behind(self, this.#platform.enqueue(effect.queue, self, effect.key));
    }
  }

  async #ask(self: Address, to: Address, key: string, body: Json): Promise<void> {
    const reply = await this.#platform.ask(self, to, key, body).then(
      (value): Reply => ({ ok: true, value }),
      () => UNAVAILABLE,
    );
    await this.#run(self, { type: 'ask-answered', to, key, reply });
  }

  /** Sends what is due and not already on its way: one mail per pair, the next after its answer. */
  async #dispatch(self: Address, anew = false): Promise<void> {
    const { mail: due, waiting } = await this.#outgoing(self, anew);
    const flights = this.#flightsOf(self);
    for (const { mail, expired } of due) {
      const peer = nameOf(mail.to);
      if (flights.peers.has(peer)) continue;
      flights.peers.add(peer);
      this.#behind(self, this.#fly(mail, expired));
    }
    flights.behind = waiting > flights.peers.size;
    this.#forgetIdle(self, flights);
  }

  #flightsOf(self: Address): Flights {
    const known = this.#flights.get(nameOf(self));
    if (known) return known;
    const flights: Flights = { peers: new Set(), landed: 0, behind: false };
    this.#flights.set(nameOf(self), flights);
    return flights;
  }

  #forgetIdle(self: Address, flights: Flights): void {
    if (flights.peers.size === 0) this.#flights.delete(nameOf(self));
  }

  /**
   * `anew`: whatever is on its way. Otherwise nothing is looked for while as many fly as wait, which are the same but after an
   * erasure; then the timer looks.
   */
  async #outgoing(self: Address, anew: boolean): Promise<Omit<Outgoing, 'followers'> & { waiting: number }> {
    const now = this.#platform.now();
    const flying = anew ? 0 : (this.#flights.get(nameOf(self))?.peers.size ?? 0);
    if (!this.#platform.outgoing)
      return this.#platform.maintain(self, (store, memory) => {
        const waiting = mailWaiting(store, self, memory);
        return { waiting, mail: waiting > flying ? heads(store, self, memory, now) : [] };
      });
    const { followers, mail } = await this.#platform.outgoing(self);
    for (const one of followers) {
      this.#follow(one.self, one.taken);
      if (one.taken.mail) this.#behind(one.self, this.#dispatch(one.self));
    }
    return { waiting: mail.length, mail };
  }

  /** Answers that come while others are awaited are settled with them. */
  async #fly(mail: Mail, expired: boolean): Promise<void> {
    const { from: self, to, number, key } = mail;
    const flights = this.#flightsOf(self);
    let outcome: 'settled' | 'deferred' | 'outdated' = 'settled';
    let landed = 0;
    try {
      const reply: Reply = expired ? UNAVAILABLE : { ok: true, value: await this.#platform.carry(mail) };
      landed = 1;
      flights.landed += landed;
      const patient =
        !flights.behind && (flights.landed < flights.peers.size || this.#canWait(self, { type: 'answered', key }));
      const taken = await this.#take(self, { type: 'settled', to, number, reply }, patient);
      if (taken === 'outdated') outcome = 'outdated';
    } catch (error) {
      outcome = 'deferred';
      this.#report('mail-deferred', self, key, error);
      await this.#platform.maintain(self, (store) => defer(store, self, to, number, this.#platform.now()));
    } finally {
      flights.landed -= landed;
      flights.peers.delete(nameOf(to));
      this.#forgetIdle(self, flights);
    }
    if (outcome === 'settled') await this.#dispatch(self);
    else if (outcome === 'deferred') await this.#rearm(self);
    else this.#platform.arm(self, this.#platform.now() + OUTDATED_RETRY_MS);
  }

  #canWait(self: Address, turn: Parameters<NonNullable<Actor['canWait']>>[0]): boolean {
    return this.#platform.actors.get(self.kind)?.canWait?.(turn) ?? false;
  }

  /** After a dispatch every mail that is due is in flight, and its flight will report; the timer only guards against a crash. */
  async #rearm(self: Address): Promise<void> {
    const [deadline, retry] = await this.#platform.maintain(
      self,
      (store, memory) => [nextDeadline(store, self, memory), nextRetry(store, self, memory)] as const,
    );
    this.#platform.arm(
      self,
      earlier(deadline, retry === null ? null : Math.max(retry, this.#platform.now() + FLIGHT_GUARD_MS)),
    );
  }

  async #answered(to: Address, key: string, trigger: () => Promise<Trigger>): Promise<Answer> {
    try {
      const taken = await this.#run(to, await trigger());
      return taken === 'outdated' ? { ok: false, reason: 'outdated' } : { ok: true, value: taken.answer };
    } catch (error) {
      this.#report('turn-failed', to, key, error);
      return { ok: false, reason: 'unavailable' };
    }
  }

  #inOrder(self: Address, socket: string, key: string, work: () => Promise<unknown>): Promise<void> {
    const tail = (this.#frames.get(socket) ?? Promise.resolve()).then(async () => {
      try {
        await work();
      } catch (error) {
        this.#report('turn-failed', self, key, error);
      }
    });
    this.#frames.set(socket, tail);
    return tail;
  }

  /** Work that nobody waits for: its failure is an operator's matter, never an unhandled rejection. */
  #behind(self: Address, work: Promise<unknown>): void {
    work.catch((error: unknown) => this.#report('effect-failed', self, 'behind', error));
  }

  #report(type: Fault['type'], actor: Address, key: string, error: unknown): void {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.#platform.report({ type, actor, key, error: text });
  }
}
