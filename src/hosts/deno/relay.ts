import { enqueue, heads, isFree, type Post, UNAVAILABLE } from '../../actors/kernel/mail.ts';
import type { Memory } from '../../actors/kernel/memory.ts';
import { nameOf, type Store } from '../../actors/kernel/store.ts';
import type { Effect, Follower, Taken, Trigger } from '../../actors/kernel/turn.ts';
import type { Actor, Address, Arrival, Fault, Json, Mail, Reply } from '../../actors/port.ts';

/** Mails that one turn may bring about in its own commit; what is left flies after it, as between files. */
const MOST_MAILS = 64;

export interface RelayGround {
  readonly actors: ReadonlyMap<string, Actor>;
  /** When this transaction began (ms); all its turns are taken at that time. */
  readonly now: number;
  /** Mail may go in its sender's commit now. */
  readonly together: boolean;
  /** One turn in the open transaction, with others to follow. */
  turn(self: Address, trigger: Trigger): Taken;
  /** The receiver's rows are in this file and may be written by this code. */
  here(to: Address): boolean;
  /** This mail's pair has one on its way already. */
  flies(pair: Pick<Mail, 'from' | 'to'>): boolean;
  memory(of: Address): Memory;
  report(fault: Fault): void;
}

interface Pending {
  readonly from: Address;
  readonly post: Post;
  /** Its sender has frames to send, which come first. */
  readonly later: boolean;
}

/**
 * Mail between actors of one file goes in the commit of the turn that posted it: the receiver's turn, and the sender's on the
 * answer, each after the other, and one fsync for all. They become durable together or not at all, so nobody can tell it from
 * a flight that met no crash. A receiver that throws takes nothing back but its own turn; its mail stays and flies as usual.
 * What a turn that has frames to send says to other actors waits for the next commit: the frames come first.
 *
 * A pair of which nothing waits and nothing has flown needs no rows for this: no outbox, no number, no memory, because what is
 * posted and applied in one commit is never carried again.
 */
export class Relay {
  readonly followers: Follower[] = [];
  readonly #ground: RelayGround;
  readonly #store: Store;
  readonly #failed = new Set<string>();
  /** In the order they were posted, so that those of a pair stay in order. */
  readonly #pending: Pending[] = [];
  /** Whose outbox is to be looked at. */
  readonly #senders: Address[] = [];
  /** Whose mail waits for the next commit. */
  readonly #resting = new Set<string>();

  constructor(ground: RelayGround, store: Store) {
    this.#ground = ground;
    this.#store = store;
  }

  /**
   * The turn that this commit is for; what it posted goes before its frames, as part of what it does. What is left of its effects:
   * a turn that wrote nothing and tells nobody has nothing that an ask would have to wait for.
   */
  begin({ self, taken }: Follower): Follower {
    this.#post(self, taken, false);
    if (taken.mail) this.#senders.push(self);
    if (taken.wrote || speaks(taken)) return { self, taken };
    const effects = taken.effects.filter((effect) => effect.type !== 'ask' || !this.#ask(self, effect));
    return { self, taken: { ...taken, effects } };
  }

  /** Whose outbox has mail that is due. */
  look(self: Address): void {
    this.#senders.push(self);
  }

  run(): void {
    for (;;) {
      const next = this.#pending.shift();
      if (next) {
        this.#send(next);
        continue;
      }
      const sender = this.#senders.shift();
      if (!sender) return;
      if (!this.#resting.has(nameOf(sender)) && !this.#full) this.#empty(sender);
    }
  }

  get #full(): boolean {
    return this.followers.length >= 2 * MOST_MAILS;
  }

  #post(from: Address, { posts = [] }: Taken, later: boolean): void {
    for (const post of posts) this.#pending.push({ from, post, later });
  }

  #send({ from, post, later }: Pending): void {
    if (!later && this.#hand(from, post)) return;
    enqueue(this.#store, from, this.#ground.memory(from), this.#ground.now, post);
    if (later) this.#resting.add(nameOf(from));
    this.#senders.push(from);
  }

  /** The other's turn and the answer's, each taken back alone when it throws; false when it is to be asked after the commit. */
  #ask(self: Address, { to, key, body: content }: Effect & { type: 'ask' }): boolean {
    const body = this.#ground.together ? admitted(this.#ground, self, to, key, content) : undefined;
    if (body === undefined) return false;
    const taken = this.#alone(to, key, { type: 'command', from: self, key, body });
    const reply: Reply = taken ? { ok: true, value: taken.answer } : UNAVAILABLE;
    this.#alone(self, key, { type: 'ask-answered', to, key, reply });
    return true;
  }

  #alone(self: Address, key: string, trigger: Trigger): Taken | null {
    this.#store.run('SAVEPOINT ask', []);
    try {
      const taken = this.#ground.turn(self, trigger);
      this.#store.run('RELEASE ask', []);
      this.#took({ self, taken });
      return taken;
    } catch (error) {
      this.#ground.memory(self).forget();
      this.#store.run('ROLLBACK TO ask', []);
      this.#store.run('RELEASE ask', []);
      this.#ground.report({ type: 'turn-failed', actor: self, key, error: String(error) });
      return null;
    }
  }

  /** Without rows of its own; false when it is to be enqueued. */
  #hand(from: Address, { to, key, text, until }: Post): boolean {
    const { now } = this.#ground;
    if (this.#full || until <= now || !this.#ground.together) return false;
    if (this.#ground.flies({ from, to }) || !isFree(this.#store, from, this.#ground.memory(from), to)) return false;
    const body = admitted(this.#ground, from, to, key, JSON.parse(text) as Json);
    if (body === undefined) return false;
    return this.#both(
      { from, to, key },
      () => this.#ground.turn(to, { type: 'handed', from, to, key, body }),
      (reply) => this.#ground.turn(from, { type: 'returned', to, key, reply }),
    );
  }

  /** Mail that has a number, from a sender of whom something waited or flew. */
  #empty(sender: Address): void {
    const ground = this.#ground;
    if (!ground.together) return;
    for (const { mail, expired } of heads(this.#store, sender, ground.memory(sender), ground.now)) {
      if (expired || this.#failed.has(pairOf(mail)) || ground.flies(mail)) continue;
      const { from, to, number, key } = mail;
      const body = admitted(ground, from, to, key, mail.body);
      if (body === undefined) continue;
      this.#both(
        mail,
        () => ground.turn(to, { type: 'mail', mail, body }),
        (reply) => ground.turn(from, { type: 'settled', to, number, reply }),
      );
    }
  }

  /** Both turns or neither. */
  #both(mail: Way, receive: () => Taken, settle: (reply: Reply) => Taken): boolean {
    this.#store.run('SAVEPOINT mail', []);
    try {
      const received = receive();
      const settled = settle({ ok: true, value: received.answer });
      this.#store.run('RELEASE mail', []);
      this.#took({ self: mail.to, taken: received });
      this.#took({ self: mail.from, taken: settled });
      return true;
    } catch (error) {
      for (const one of [mail.to, mail.from]) this.#ground.memory(one).forget();
      this.#store.run('ROLLBACK TO mail', []);
      this.#store.run('RELEASE mail', []);
      this.#failed.add(pairOf(mail));
      this.#ground.report({ type: 'mail-deferred', actor: mail.from, key: mail.key, error: String(error) });
      return false;
    }
  }

  #took(one: Follower): void {
    const { self, taken } = one;
    this.followers.push(one);
    if (taken.erased) this.#drop(self);
    const later = speaks(taken);
    this.#post(self, taken, later);
    if (taken.mail && !later) this.#senders.push(self);
  }

  /** Undelivered mail goes with its sender. */
  #drop(self: Address): void {
    const kept = this.#pending.filter(({ from }) => nameOf(from) !== nameOf(self));
    this.#pending.splice(0, Infinity, ...kept);
  }
}

interface Way {
  readonly from: Address;
  readonly to: Address;
  readonly key: string;
}

const speaks = ({ effects }: Taken): boolean => effects.some(({ type }) => type === 'send');

const pairOf = ({ from, to }: Pick<Mail, 'from' | 'to'>): string => `${nameOf(from)} ${nameOf(to)}`;

/** Undefined: not here, or its admission must be waited for, which no transaction does. */
function admitted(ground: RelayGround, from: Address, to: Address, key: string, content: Json): unknown {
  const actor = ground.here(to) ? ground.actors.get(to.kind) : undefined;
  if (!actor) return undefined;
  const arrival: Arrival = { type: 'command', from, key, body: content };
  const body = actor.admit(arrival, ground.now);
  return body instanceof Promise ? undefined : body;
}

/** A transaction's turns in their order, then once for each actor that wrote what it owes after the last of them. */
export function summed(
  owed: (self: Address) => Pick<Taken, 'wakeAt' | 'mail'>,
  turns: readonly Follower[],
): Follower[] {
  const last = new Map<string, Follower>();
  for (const one of turns) if (one.taken.wrote) last.set(nameOf(one.self), one);
  const told = turns.map(({ self, taken }): Follower => ({
    self,
    taken: { ...taken, wakeAt: undefined, mail: false },
  }));
  const owing = [...last.values()].map(({ self, taken }): Follower => {
    const owes = taken.erased ? { wakeAt: null, mail: false } : owed(self);
    return { self, taken: { ...taken, ...owes, effects: [] } };
  });
  return [...told, ...owing];
}
