/**
 * The actor port: what an actor may do, and what every host promises it.
 *
 * An actor's handler is one synchronous turn in one transaction: it reads rows, decides, writes rows and names effects.
 * Effects (frames, mail, asks, hints, closings) happen only after the commit is durable; a throw rolls the rows back and
 * drops the effects. Signatures and shapes are checked before the turn, in `admit`, which has no state and may await.
 */

/** `kind` names an actor of the registry (account, device, call), `name` one of its instances. */
export interface Address {
  readonly kind: string;
  readonly name: string;
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json | undefined };

/** What SQLite binds and returns on every host; integers beyond 2^53 do not exist here. */
export type Bind = string | number | null | Uint8Array;

/** What came of a mail or an ask. `unavailable` means unknown, never no: it may have been applied. */
export type Reply =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly reason: 'unavailable' };

/** One live socket of this actor, as the turn sees it. Frames and closings leave after the commit. */
export interface Socket {
  /** Unique for ever; given by the host when the socket opens. */
  readonly id: string;
  readonly tags: readonly string[];
  /** What this actor last wrote into `note`, at most 8 KiB as JSON; lives as long as the socket, through eviction. */
  note: Json;
  /** When the peer was last heard: its last frame or automatic keep-alive, ms. */
  readonly heardAt: number;
  send(frame: string | Uint8Array): void;
  /** Codes 1000 and 3000..4999 (RFC 6455 §7.4.2); `reason` at most 123 bytes. */
  close(code: number, reason: string): void;
}

export interface Turn {
  readonly self: Address;
  /** Milliseconds since 1970; fixed for the turn and never before an earlier turn that wrote. */
  readonly now: number;
  random(bytes: number): Uint8Array<ArrayBuffer>;

  /** Rows of a SELECT; writing is `run`'s alone. `?1` is `self.name`; the binds given here start at `?2`. */
  all<R>(sql: string, ...binds: readonly Bind[]): R[];
  /** 0 when a statement changed no row, else a number above it (some hosts count what indexes wrote, too); same binding as `all`. */
  run(sql: string, ...binds: readonly Bind[]): number;

  /**
   * What `read` makes of rows of `table` and of nothing else, for as long as nobody writes to them: it reads again after a `run` on that
   * table, a turn that threw, or a restart. `what` tells values of one table apart. They are shared by turns, so nobody may change them.
   */
  recall<T>(table: string, what: string, read: () => T): T;
  /** What the `read` of `recall` would bring now, told by who has just written these rows. */
  keep(table: string, what: string, value: unknown): void;

  /** Sets the deadline `key` to `at` (ms), or clears it. A `due` event follows at or after `at`, also after a crash. */
  wake(key: string, at: number | null): void;
  /** As `wake`, where an earlier deadline of that key does as well: it stays. */
  wakeBy(key: string, at: number): void;

  /**
   * Durable mail: in this commit, delivered exactly once and in order per (self, to), retried until `until` (ms, at most
   * 23 h ahead). The receiver's reply, or `unavailable` after `until`, comes back as an `answered` event with `key`.
   */
  post(to: Address, key: string, body: Json, until: number): void;
  /** Volatile: tried once after the commit and lost in a crash. Its reply, or `unavailable`, comes back as `answered`. */
  ask(to: Address, key: string, body: Json): void;
  /** Puts `{ self, key }` on a queue after the commit. May be lost, repeated and late: a hint to look at one's own rows. */
  hint(queue: string, key: string): void;

  /** Live sockets, all or those with `tag`, oldest first. */
  sockets(tag?: string): readonly Socket[];

  /** Deletes every row, deadline and undelivered mail of this actor and closes its sockets (1001) after the commit. */
  erase(): void;
}

export type Event<C> =
  /** From outside (`from` null) or by mail or ask of another actor. The turn's return value is the answer. */
  | { readonly type: 'command'; readonly from: Address | null; readonly key: string; readonly body: C }
  /** A socket opened; `body` is what was admitted with it. Close it here to refuse it. */
  | { readonly type: 'opened'; readonly socket: Socket; readonly body: C }
  | { readonly type: 'frame'; readonly socket: Socket; readonly body: C }
  /** Exactly once per `opened`, also when the process died: then at the actor's next turn after the restart. */
  | { readonly type: 'closed'; readonly socket: ClosedSocket }
  | { readonly type: 'due'; readonly key: string }
  | { readonly type: 'hinted'; readonly queue: string; readonly key: string }
  | { readonly type: 'answered'; readonly to: Address; readonly key: string; readonly reply: Reply };

export interface ClosedSocket {
  readonly id: string;
  readonly tags: readonly string[];
  readonly note: Json;
}

/** What stands at an actor's door, before anybody has looked at it. */
export type Arrival =
  | { readonly type: 'command'; readonly from: Address | null; readonly key: string; readonly body: unknown }
  | { readonly type: 'opened'; readonly tags: readonly string[]; readonly body: unknown }
  | { readonly type: 'frame'; readonly body: string | Uint8Array };

/** Forward-only. `minReader`: the number of steps that code must know to serve rows written at this step. */
export interface SchemaStep {
  readonly sql: readonly string[];
  readonly minReader: number;
}

/**
 * How fast one socket may send: `burst` at once, then so many a second. Counted in the host's memory and forgotten with it, so it
 * costs no row and keeps no object awake.
 */
export interface Pace<C> {
  readonly burst: number;
  readonly perSecond: number;
  /** How many of them an admitted frame counts as; 0 is not counted. */
  weigh(frame: C): number;
  /** What a frame beyond it becomes. */
  readonly hurried: C;
}

export interface Actor<C = unknown> {
  readonly kind: string;
  /** Every table of this kind, none shared with another kind; each one's first column is `actor`, part of its key. */
  readonly tables: readonly string[];
  readonly schema: readonly SchemaStep[];
  /**
   * Parses and verifies what arrived. What cannot be understood is admitted as a command that says so, because only the
   * turn may answer. No state; may await; frames of one socket are admitted in order. Mail that is admitted without waiting
   * can go in the commit of its sender, on a host where both are in one file.
   */
  admit(arrival: Arrival, now: number): Promise<C> | C;
  turn(turn: Turn, event: Event<C>): Json;
  readonly pace?: Pace<C>;
  /**
   * Turns for which nobody waits, neither who sent what they are about nor anybody whom they tell: a host may take them some
   * milliseconds later, still in their order and before what comes after them. Lost in a crash until then, like what was on its way.
   */
  canWait?(turn: { type: 'frame'; body: C } | { type: 'answered'; key: string }): boolean;
  /** The last frame for a socket with these tags before the host closes it to start again; `crowd` sockets go with it. */
  farewell?(tags: readonly string[], crowd: number): string | null;
}

/** What a caller outside learns. `unavailable` is unknown, never no; `outdated`: the rows are newer than this code. */
export type Answer =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly reason: 'unavailable' | 'outdated' };

/** The actors as routes and jobs see them. */
export interface Actors {
  /** One command from outside, answered after its commit is durable. */
  command(to: Address, key: string, body: Json): Promise<Answer>;
  /** Hands an upgrade request to the actor; `body` is admitted with the socket, `protocol` is the chosen subprotocol. */
  upgrade(
    to: Address,
    request: Request,
    socket: { tags: readonly string[]; body: Json; protocol?: string },
  ): Promise<Response>;
  /**
   * Answers an upgrade request with a socket that is closed at once, and touches no actor: a page learns the closing code of a socket,
   * and nothing of a refusal.
   */
  turnAway(request: Request, closing: { code: number; reason: string; protocol: string }): Response;
  /** Makes the actor look at its own due work; creates nothing. */
  hinted(to: Address, queue: string, key: string): Promise<Answer>;
}

/** A mail between actors as hosts carry it. `number` grows per (from, to), also across erasure of the sender. */
export interface Mail {
  readonly from: Address;
  readonly to: Address;
  readonly number: number;
  readonly key: string;
  readonly body: Json;
}

/** What a queue carries: never a body, only where to look. */
export interface Hint {
  readonly actor: Address;
  readonly key: string;
}

/** What a queue's consumer decides about one hint. `attempt` starts at 1. */
export type Consumer = (hint: Hint, attempt: number) => Promise<{ done: true } | { done: false; retryAfterMs: number }>;

/** For the operator: what a host noticed. Never carries a body. */
export interface Fault {
  readonly type: 'turn-failed' | 'mail-deferred' | 'deadline-failed' | 'outdated' | 'effect-failed' | 'hint-dead';
  readonly actor: Address;
  readonly key: string;
  readonly error: string;
}
