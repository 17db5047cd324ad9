import type { Actor, Address, Bind, Event, Json, Mail, Reply, Socket, Turn } from '../port.ts';
import { deadlinesOf, nextDeadline, setDeadline, takeDeadline } from './deadlines.ts';
import { enqueue, heard, nextRetry, type Post, remember, settle, written } from './mail.ts';
import { Memory, type SocketRow } from './memory.ts';
import { migrate, PORT_TABLES, schemaState } from './schema.ts';
import { nameOf, PortError, type Store } from './store.ts';

/** What a host brings to one turn. `live` are the sockets that are open right now, with when each was last heard (ms). */
export interface Ground {
  readonly store: Store;
  readonly actor: Actor;
  readonly self: Address;
  readonly now: number;
  readonly random: (bytes: number) => Uint8Array<ArrayBuffer>;
  readonly live: ReadonlyMap<string, number>;
  /** The host has seen this schema current; otherwise the turn brings it up first, in its own transaction. */
  readonly ready: boolean;
  /**
   * More turns may follow in this transaction: the host hands over or enqueues what the turn posted, and asks `owed` once, after the
   * last of them.
   */
  readonly chained?: boolean;
  /** What this process has kept in mind of the actor's rows since an earlier turn. A turn that throws forgets it. */
  readonly memory: Memory;
}

/** Why a turn is taken. Bodies have been admitted. */
export type Trigger =
  | { readonly type: 'command'; readonly from: Address | null; readonly key: string; readonly body: unknown }
  | { readonly type: 'mail'; readonly mail: Mail; readonly body: unknown }
  | { readonly type: 'opened'; readonly socket: string; readonly tags: readonly string[]; readonly body: unknown }
  | { readonly type: 'frame'; readonly socket: string; readonly body: unknown }
  | { readonly type: 'lost'; readonly socket: string }
  | { readonly type: 'due'; readonly key: string }
  | { readonly type: 'hinted'; readonly queue: string; readonly key: string }
  | { readonly type: 'settled'; readonly to: Address; readonly number: number; readonly reply: Reply }
  /** Mail in the commit of its sender's turn, which nobody will ever carry again, and its answer in the same commit. */
  | {
      readonly type: 'handed';
      readonly from: Address;
      readonly to: Address;
      readonly key: string;
      readonly body: unknown;
    }
  | { readonly type: 'returned'; readonly to: Address; readonly key: string; readonly reply: Reply }
  | { readonly type: 'ask-answered'; readonly to: Address; readonly key: string; readonly reply: Reply };

/** What the host does once the commit is durable, in this order. */
export type Effect =
  | { readonly type: 'send'; readonly socket: string; readonly frame: string | Uint8Array }
  | { readonly type: 'close'; readonly socket: string; readonly code: number; readonly reason: string }
  | { readonly type: 'ask'; readonly to: Address; readonly key: string; readonly body: Json }
  | { readonly type: 'hint'; readonly queue: string; readonly key: string };

export interface Taken {
  readonly answer: Json;
  readonly effects: readonly Effect[];
  /** False: nothing was written, and the host may roll back (which also takes back a schema made for nothing). */
  readonly wrote: boolean;
  readonly erased: boolean;
  /** The earliest deadline or retry of this actor (ms), null for none; undefined when the turn cannot have moved it. */
  readonly wakeAt: number | null | undefined;
  /** There is mail in the outbox; of a chained turn: there may be mail that this turn made the next. */
  readonly mail: boolean;
  /** What a chained turn posted, in its order; it is in no row yet. */
  readonly posts?: readonly Post[];
  /** Turns that the host took in the same commit, in their order: their effects follow this turn's. */
  readonly followers?: readonly Follower[];
}

export interface Follower {
  readonly self: Address;
  readonly taken: Taken;
}

const MAX_NOTE_CHARS = 8_192;
const READS = /^\s*(SELECT|WITH)\b/i;

/** The turn's face to the actor. Owned by one turn; useless after it. */
class OpenTurn implements Turn {
  readonly self: Address;
  readonly now: number;
  readonly effects: Effect[] = [];
  wrote = false;
  erased = false;
  readonly posts: Post[] = [];
  readonly #ground: Ground;

  constructor(ground: Ground, now: number) {
    this.#ground = ground;
    this.self = ground.self;
    this.now = now;
  }

  random(bytes: number): Uint8Array<ArrayBuffer> {
    return this.#ground.random(bytes);
  }

  all<R>(sql: string, ...binds: readonly Bind[]): R[] {
    if (!READS.test(sql)) throw new PortError(`all() only reads, so that a turn knows when it wrote: ${sql}`);
    return this.#ground.store.all<R>(ownRows(sql), [this.self.name, ...binds]);
  }

  run(sql: string, ...binds: readonly Bind[]): number {
    this.#mustLive();
    const changed = this.#ground.store.run(ownRows(sql), [this.self.name, ...binds]);
    if (changed === 0) return 0;
    this.wrote = true;
    this.#ground.memory.written(tableOf(sql));
    return changed;
  }

  recall<T>(table: string, what: string, read: () => T): T {
    return this.#ground.memory.recall(table, what, read);
  }

  keep(table: string, what: string, value: unknown): void {
    this.#mustLive();
    this.#ground.memory.keep(table, what, value);
  }

  wake(key: string, at: number | null): void {
    this.#mustLive();
    const { store, memory } = this.#ground;
    if (setDeadline(store, this.self, memory, key, at === null ? null : Math.ceil(at))) this.wrote = true;
  }

  wakeBy(key: string, at: number): void {
    const { store, memory } = this.#ground;
    const stands = deadlinesOf(store, this.self, memory).get(key);
    if (stands === undefined || stands > Math.ceil(at)) this.wake(key, at);
  }

  post(to: Address, key: string, body: Json, until: number): void {
    this.#mustLive();
    this.wrote = true;
    const post = written(this.now, to, key, body, Math.ceil(until));
    const { store, memory, chained } = this.#ground;
    if (chained) this.posts.push(post);
    else enqueue(store, this.self, memory, this.now, post);
  }

  ask(to: Address, key: string, body: Json): void {
    this.effects.push({ type: 'ask', to, key, body });
  }

  hint(queue: string, key: string): void {
    this.effects.push({ type: 'hint', queue, key });
  }

  sockets(tag?: string): readonly Socket[] {
    if (this.#ground.live.size === 0) return [];
    return [...socketRows(this.#ground).values()]
      .filter((row) => this.#ground.live.has(row.id))
      .map((row) => this.socket(row))
      .filter((socket) => tag === undefined || socket.tags.includes(tag));
  }

  socket(row: SocketRow): Socket {
    return new OpenSocket(row, this.#ground.live.get(row.id) ?? this.now, this.effects, (note) =>
      this.#note(row.id, note),
    );
  }

  erase(): void {
    for (const socket of this.sockets()) socket.close(1001, 'erased');
    for (const table of this.#ground.actor.tables)
      this.#ground.store.run(`DELETE FROM ${table} WHERE actor = ?1`, [this.self.name]);
    for (const table of PORT_TABLES)
      this.#ground.store.run(`DELETE FROM ${table} WHERE actor = ?1`, [nameOf(this.self)]);
    this.#ground.memory.forget();
    this.wrote = true;
    this.erased = true;
  }

  #note(id: string, note: Json): void {
    this.#mustLive();
    const text = JSON.stringify(note);
    if (text.length > MAX_NOTE_CHARS) throw new PortError(`a socket's note holds at most ${MAX_NOTE_CHARS} characters`);
    this.wrote = true;
    this.#ground.store.run(`UPDATE port_socket SET note = ?3 WHERE actor = ?1 AND id = ?2`, [
      nameOf(this.self),
      id,
      text,
    ]);
    const { sockets } = this.#ground.memory;
    const row = sockets?.get(id);
    if (row) sockets!.set(id, { ...row, note: text });
  }

  #mustLive(): void {
    if (this.erased) throw new PortError('an actor writes nothing after it erased itself in the same turn');
  }
}

class OpenSocket implements Socket {
  readonly id: string;
  readonly tags: readonly string[];
  readonly heardAt: number;
  readonly #effects: Effect[];
  readonly #keep: (note: Json) => void;
  #note: Json;

  constructor(row: SocketRow, heardAt: number, effects: Effect[], keep: (note: Json) => void) {
    this.id = row.id;
    this.tags = JSON.parse(row.tags) as string[];
    this.#note = JSON.parse(row.note) as Json;
    this.heardAt = heardAt;
    this.#effects = effects;
    this.#keep = keep;
  }

  get note(): Json {
    return this.#note;
  }

  set note(note: Json) {
    this.#keep(note);
    this.#note = note;
  }

  send(frame: string | Uint8Array): void {
    this.#effects.push({ type: 'send', socket: this.id, frame });
  }

  close(code: number, reason: string): void {
    this.#effects.push({ type: 'close', socket: this.id, code, reason });
  }
}

function ownRows(sql: string): string {
  if (!sql.includes('?1')) throw new PortError(`a statement names its own rows by ?1: ${sql}`);
  return sql;
}

const WRITES = /^\s*(?:INSERT(?:\s+OR\s+\w+)?\s+INTO|UPDATE|DELETE\s+FROM)\s+(\w+)/i;
const WRITTEN = new Map<string, string | null>();

/** The table that a statement writes to; null where it cannot be told. Statements are constants of the code. */
function tableOf(sql: string): string | null {
  const known = WRITTEN.get(sql);
  if (known !== undefined) return known;
  const table = WRITES.exec(sql)?.[1] ?? null;
  WRITTEN.set(sql, table);
  return table;
}

/** Every socket whose closing has not been told, open or not. */
function socketRows({ store, self, memory }: Ground): Map<string, SocketRow> {
  return (memory.sockets ??= new Map(
    store
      .all<SocketRow>(`SELECT id, tags, note FROM port_socket WHERE actor = ?1 ORDER BY opened, id`, [nameOf(self)])
      .map((row) => [row.id, row]),
  ));
}

/** The event a trigger stands for; null when it has been dealt with before and the actor must not see it again. */
function eventOf(ground: Ground, turn: OpenTurn, trigger: Trigger): Event<unknown> | null {
  const { store, self, memory } = ground;
  const name = nameOf(self);
  switch (trigger.type) {
    case 'command':
      return trigger;
    case 'mail':
      return { type: 'command', from: trigger.mail.from, key: trigger.mail.key, body: trigger.body };
    case 'opened': {
      const opened = { id: trigger.socket, tags: JSON.stringify(trigger.tags), note: 'null' };
      store.run(`INSERT INTO port_socket (actor, id, opened, tags, note) VALUES (?1, ?2, ?3, ?4, ?5)`, [
        name,
        opened.id,
        turn.now,
        opened.tags,
        opened.note,
      ]);
      // Sockets of one millisecond are in the order of their ids, which the rows know.
      memory.sockets = undefined;
      turn.wrote = true;
      return { type: 'opened', socket: turn.socket(opened), body: trigger.body };
    }
    case 'frame': {
      const found = socketRows(ground).get(trigger.socket);
      return found ? { type: 'frame', socket: turn.socket(found), body: trigger.body } : null;
    }
    case 'lost': {
      const found = socketRows(ground).get(trigger.socket);
      if (!found) return null;
      store.run(`DELETE FROM port_socket WHERE actor = ?1 AND id = ?2`, [name, trigger.socket]);
      memory.sockets?.delete(trigger.socket);
      turn.wrote = true;
      return {
        type: 'closed',
        socket: { id: found.id, tags: JSON.parse(found.tags) as string[], note: JSON.parse(found.note) as Json },
      };
    }
    case 'due': {
      const due = takeDeadline(store, self, memory, trigger.key, turn.now);
      if (due) turn.wrote = true;
      return due ? { type: 'due', key: trigger.key } : null;
    }
    case 'hinted':
      return trigger;
    case 'settled': {
      const settled = settle(store, self, memory, trigger.to, trigger.number);
      if (settled) turn.wrote = true;
      return settled ? { type: 'answered', to: trigger.to, key: settled.key, reply: trigger.reply } : null;
    }
    case 'handed':
      return { type: 'command', from: trigger.from, key: trigger.key, body: trigger.body };
    case 'returned':
    case 'ask-answered':
      return { type: 'answered', to: trigger.to, key: trigger.key, reply: trigger.reply };
  }
}

/** When an earlier turn of this actor last wrote (ms). */
function keptTime({ store, self, memory }: Ground): number | null {
  if (memory.clock !== undefined) return memory.clock;
  const [kept] = store.all<{ now: number }>(`SELECT now FROM port_clock WHERE actor = ?1`, [nameOf(self)]);
  return (memory.clock = kept?.now ?? null);
}

/** The earliest deadline or retry of an actor (ms), or null. */
export function nextWake(store: Store, self: Address): number | null {
  const memory = new Memory();
  return earlier(nextDeadline(store, self, memory), nextRetry(store, self, memory));
}

/** The earlier of two times, where null is never. */
export function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : Math.min(a, b);
}

/**
 * One turn, inside the transaction that the host opened. The host commits it (or rolls back when nothing was written),
 * and then carries out the effects. Whatever this throws, the host rolls back.
 */
export function takeTurn(ground: Ground, trigger: Trigger): Taken {
  try {
    return taken(ground, trigger);
  } catch (error) {
    ground.memory.forget();
    throw error;
  }
}

function taken(ground: Ground, trigger: Trigger): Taken {
  const { store, self, actor } = ground;
  if (!ground.ready && schemaState(store, actor) === 'behind') migrate(store, actor);
  const already = trigger.type === 'mail' ? heard(store, self, trigger.mail) : null;
  if (already)
    return { answer: already.reply, effects: [], wrote: false, erased: false, wakeAt: undefined, mail: false };

  const kept = keptTime(ground);
  const turn = new OpenTurn(ground, Math.max(Math.floor(ground.now), kept ?? 0));
  const event = eventOf(ground, turn, trigger);
  const answer = event ? actor.turn(turn, event) : null;

  if (turn.wrote && !turn.erased) {
    if (trigger.type === 'mail') remember(store, self, ground.memory, trigger.mail, answer, turn.now);
    if (turn.now !== kept) keepTime(ground, turn.now);
  }
  const done = { answer, effects: turn.effects, wrote: turn.wrote, erased: turn.erased };
  if (turn.erased) return { ...done, wakeAt: null, mail: false };
  if (!turn.wrote) return { ...done, wakeAt: undefined, mail: false };
  if (ground.chained) return { ...done, wakeAt: undefined, mail: trigger.type === 'settled', posts: turn.posts };
  return { ...done, ...owed(store, self, ground.memory) };
}

/** The actor's own time is the host's clock, but never before an earlier turn that wrote. */
function keepTime({ store, self, memory }: Ground, now: number): void {
  memory.clock = now;
  store.run(
    `INSERT INTO port_clock (actor, now) VALUES (?1, ?2) ON CONFLICT (actor) DO UPDATE SET now = excluded.now`,
    [nameOf(self), now],
  );
}

/** What an actor owes after a turn that wrote. */
export function owed(store: Store, self: Address, memory: Memory): Pick<Taken, 'wakeAt' | 'mail'> {
  const retry = nextRetry(store, self, memory);
  return { wakeAt: earlier(nextDeadline(store, self, memory), retry), mail: retry !== null };
}
