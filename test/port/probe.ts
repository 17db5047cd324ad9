import type { Actor, Address, Arrival, Event, Json, Socket, Turn } from '../../src/actors/port.ts';

/**
 * A ping counter that uses every verb of the port and keeps a log of all that happened to it. Only tests know it.
 */
export type Said =
  /** Adds `by` once per key; a repeated key answers what the first one did. */
  | { readonly verb: 'count'; readonly by: number }
  /** The first to claim wins. */
  | { readonly verb: 'claim'; readonly who: string }
  | { readonly verb: 'read' }
  /** Posts `count` numbered notes to another probe, each living `forMs`. */
  | { readonly verb: 'post'; readonly to: string; readonly count: number; readonly forMs: number }
  | { readonly verb: 'note'; readonly n: number }
  | { readonly verb: 'ask'; readonly to: string }
  /** Answers the turn's time and the deadline (ms). */
  | { readonly verb: 'wake'; readonly key: string; readonly afterMs: number | null }
  | { readonly verb: 'hint'; readonly queue: string; readonly key: string }
  /** Writes, wakes, posts and sends, then throws. */
  | { readonly verb: 'stumble' }
  /** Throws as often as it is asked to on the deadline `stubborn`, which then succeeds. */
  | { readonly verb: 'stubborn'; readonly times: number }
  | { readonly verb: 'erase' }
  /** Over sockets. */
  | { readonly verb: 'hello' }
  | { readonly verb: 'echo'; readonly text: string }
  | { readonly verb: 'tell'; readonly tag: string | null; readonly text: string }
  | { readonly verb: 'keep'; readonly note: Json }
  | { readonly verb: 'kept' }
  /** Counts, tells nobody and can wait. */
  | { readonly verb: 'hum'; readonly by: number }
  | { readonly verb: 'bye'; readonly code: number }
  /** Counts in the pace; the fourth in a minute is told that it hurries. */
  | { readonly verb: 'step' }
  | { readonly verb: 'hurried' }
  | { readonly verb: 'unclear' };

const VERBS = new Set<string>([
  'count',
  'claim',
  'read',
  'post',
  'note',
  'ask',
  'wake',
  'hint',
  'stumble',
  'stubborn',
  'erase',
  'hello',
  'echo',
  'tell',
  'keep',
  'kept',
  'hum',
  'bye',
  'step',
]);

function parse(body: unknown): Said {
  let value: unknown = body;
  if (typeof body === 'string') {
    try {
      value = JSON.parse(body);
    } catch {
      return { verb: 'unclear' };
    }
  }
  if (typeof value !== 'object' || value === null || !('verb' in value) || !VERBS.has(String(value.verb)))
    return { verb: 'unclear' };
  return value as Said;
}

export interface LogRow {
  /** mail | answered | due | opened | closed | hinted */
  readonly what: string;
  readonly who: string;
  readonly n: number;
}

export interface Probe {
  readonly total: number;
  readonly winner: string | null;
  readonly log: readonly LogRow[];
}

export const probe: Actor<Said> = {
  kind: 'probe',
  tables: ['probe_count', 'probe_done', 'probe_log'],
  schema: [
    {
      minReader: 1,
      sql: [
        `CREATE TABLE probe_count (actor TEXT NOT NULL PRIMARY KEY, total INTEGER NOT NULL, posted INTEGER NOT NULL DEFAULT 0, winner TEXT) WITHOUT ROWID`,
        `CREATE TABLE probe_done (actor TEXT NOT NULL, key TEXT NOT NULL, total INTEGER NOT NULL, PRIMARY KEY (actor, key)) WITHOUT ROWID`,
        `CREATE TABLE probe_log (actor TEXT NOT NULL, at INTEGER NOT NULL, what TEXT NOT NULL, who TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (actor, at)) WITHOUT ROWID`,
      ],
    },
  ],

  admit(arrival: Arrival): Said {
    return parse(arrival.body);
  },

  pace: { burst: 3, perSecond: 1 / 600, weigh: ({ verb }) => (verb === 'step' ? 1 : 0), hurried: { verb: 'hurried' } },

  canWait: (turn) => turn.type === 'answered' || turn.body.verb === 'hum',

  farewell: (tags, crowd) => (tags.includes('polite') ? `until later, all ${crowd}` : null),

  turn(t: Turn, event: Event<Said>): Json {
    switch (event.type) {
      case 'command':
        return obey(t, event.from, event.key, event.body);
      case 'opened':
        log(t, 'opened', event.socket.tags.join(), 0);
        if (event.body.verb === 'unclear') event.socket.close(4400, 'unclear');
        else event.socket.send(JSON.stringify({ welcome: t.self.name }));
        return null;
      case 'frame':
        return speak(t, event.socket, event.body);
      case 'closed':
        return log(t, 'closed', event.socket.tags.join(), 0);
      case 'due':
        return due(t, event.key);
      case 'hinted':
        return log(t, 'hinted', `${event.queue} ${event.key}`, 0);
      case 'answered':
        return log(
          t,
          'answered',
          `${event.to.name} ${event.key} ${event.reply.ok ? JSON.stringify(event.reply.value) : event.reply.reason}`,
          0,
        );
    }
  },
};

function obey(t: Turn, from: Address | null, key: string, said: Said): Json {
  switch (said.verb) {
    case 'count':
      return count(t, key, said.by);
    case 'claim':
      t.run(`INSERT OR IGNORE INTO probe_count (actor, total) VALUES (?1, 0)`);
      return { won: t.run(`UPDATE probe_count SET winner = ?2 WHERE actor = ?1 AND winner IS NULL`, said.who) === 1 };
    case 'read':
      return read(t) as unknown as Json;
    case 'post':
      return post(t, said);
    case 'note':
      log(t, 'mail', from?.name ?? '', said.n);
      return said.n;
    case 'ask':
      t.ask({ kind: 'probe', name: said.to }, key, { verb: 'read' });
      return null;
    case 'wake':
      t.wake(said.key, said.afterMs === null ? null : t.now + said.afterMs);
      return { now: t.now, at: said.afterMs === null ? null : t.now + said.afterMs };
    case 'hint':
      t.hint(said.queue, said.key);
      return null;
    case 'stumble':
      count(t, `${key}/stumble`, 1_000);
      t.wake('never', t.now);
      t.post({ kind: 'probe', name: 'nobody' }, 'never', { verb: 'note', n: 0 }, t.now + 60_000);
      for (const socket of t.sockets()) socket.send('never');
      throw new Error('stumbled');
    case 'stubborn':
      t.run(
        `INSERT INTO probe_count (actor, total) VALUES (?1, ?2) ON CONFLICT (actor) DO UPDATE SET total = ?2`,
        said.times,
      );
      t.wake('stubborn', t.now);
      return null;
    case 'erase':
      t.erase();
      return null;
    default:
      return { unclear: true };
  }
}

function count(t: Turn, key: string, by: number): Json {
  const done = t.all<{ total: number }>(`SELECT total FROM probe_done WHERE actor = ?1 AND key = ?2`, key)[0];
  if (done) return { total: done.total, applied: false };
  t.run(
    `INSERT INTO probe_count (actor, total) VALUES (?1, ?2) ON CONFLICT (actor) DO UPDATE SET total = total + ?2`,
    by,
  );
  const total = t.all<{ total: number }>(`SELECT total FROM probe_count WHERE actor = ?1`)[0]?.total ?? 0;
  t.run(`INSERT INTO probe_done (actor, key, total) VALUES (?1, ?2, ?3)`, key, total);
  return { total, applied: true };
}

function read(t: Turn): Probe {
  const row = t.all<{ total: number; winner: string | null }>(
    `SELECT total, winner FROM probe_count WHERE actor = ?1`,
  )[0];
  const rows = t.all<LogRow>(`SELECT what, who, n FROM probe_log WHERE actor = ?1 ORDER BY at`);
  return {
    total: row?.total ?? 0,
    winner: row?.winner ?? null,
    log: rows.map(({ what, who, n }) => ({ what, who, n })),
  };
}

function post(t: Turn, said: { to: string; count: number; forMs: number }): Json {
  t.run(`INSERT OR IGNORE INTO probe_count (actor, total) VALUES (?1, 0)`);
  const from = t.all<{ posted: number }>(`SELECT posted FROM probe_count WHERE actor = ?1`)[0]?.posted ?? 0;
  for (let n = from + 1; n <= from + said.count; n++) {
    t.post({ kind: 'probe', name: said.to }, `note-${n}`, { verb: 'note', n }, t.now + said.forMs);
  }
  t.run(`UPDATE probe_count SET posted = posted + ?2 WHERE actor = ?1`, said.count);
  return { posted: from + said.count };
}

function log(t: Turn, what: string, who: string, n: number): null {
  t.run(
    `INSERT INTO probe_log (actor, at, what, who, n) VALUES (?1, (SELECT IFNULL(MAX(at), 0) + 1 FROM probe_log WHERE actor = ?1), ?2, ?3, ?4)`,
    what,
    who,
    n,
  );
  return null;
}

function due(t: Turn, key: string): Json {
  if (key === 'stubborn') {
    const left = t.all<{ total: number }>(`SELECT total FROM probe_count WHERE actor = ?1`)[0]?.total ?? 0;
    if (left > 0 && stubbornness.spend(t.self.name, left)) throw new Error('stubborn');
  }
  return log(t, 'due', key, 0);
}

/** How often a probe has thrown on its deadline; outside the rows, because a throw takes back what it wrote. */
export const stubbornness = {
  spent: new Map<string, number>(),
  spend(name: string, of: number): boolean {
    const spent = this.spent.get(name) ?? 0;
    if (spent >= of) return false;
    this.spent.set(name, spent + 1);
    return true;
  },
};

function speak(t: Turn, socket: Socket, said: Said): Json {
  switch (said.verb) {
    case 'echo':
      socket.send(said.text);
      return null;
    case 'tell':
      for (const other of said.tag === null ? t.sockets() : t.sockets(said.tag)) other.send(said.text);
      return null;
    case 'keep':
      socket.note = said.note;
      return null;
    case 'kept':
      socket.send(JSON.stringify(socket.note));
      return null;
    case 'count':
      socket.send(JSON.stringify(count(t, `frame-${socket.id}-${said.by}`, said.by)));
      return null;
    case 'hum':
      count(t, `hum-${socket.id}-${said.by}`, said.by);
      return null;
    case 'bye':
      socket.close(said.code, 'bye');
      return null;
    case 'step':
    case 'hurried':
      socket.send(said.verb);
      return null;
    default:
      socket.send(JSON.stringify({ unclear: true }));
      return null;
  }
}
