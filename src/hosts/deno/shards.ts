import { migrate, schemaState } from '../../actors/kernel/schema.ts';
import { nameOf, type Store } from '../../actors/kernel/store.ts';
import type { Actor, Address, SchemaStep } from '../../actors/port.ts';
import { Refused } from './refused.ts';
import { Shard, type ShardOptions } from './shard.ts';

/** This host's own rows in every file; a kind of its own for the schema's book-keeping. */
const HOST_ROWS: readonly SchemaStep[] = [
  {
    minReader: 1,
    sql: [
      `CREATE TABLE host_job (actor TEXT NOT NULL, queue TEXT NOT NULL, key TEXT NOT NULL, round INTEGER NOT NULL DEFAULT 0,
         attempt INTEGER NOT NULL DEFAULT 0, at INTEGER NOT NULL, PRIMARY KEY (actor, queue, key)) WITHOUT ROWID`,
      `CREATE INDEX host_job_at ON host_job (at)`,
    ],
  },
];

const hostRows: Actor = {
  kind: 'host',
  tables: ['host_job'],
  schema: HOST_ROWS,
  admit: () => Promise.reject(new Error('the host is nobody to talk to')),
  turn: () => null,
};

/** FNV-1a over UTF-16 code units. Which file holds an actor hangs on it for ever. */
export function hash(name: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 0x01000193);
  return h >>> 0;
}

interface File {
  readonly shard: Shard;
  /** Kinds whose rows here were written by newer code. */
  readonly outdated: ReadonlySet<string>;
}

/** Every file of actors, each brought up to this code's schema when it is opened. */
export class Shards {
  readonly #files: readonly File[];

  constructor(folder: string, count: number, actors: readonly Actor[], options: ShardOptions = {}) {
    this.#files = Array.from({ length: count }, (_, index) => {
      const shard = new Shard(`${folder}/actors-${String(index).padStart(2, '0')}.sqlite`, options);
      return { shard, outdated: shard.now((store) => bringUp(store, actors)) };
    });
  }

  of(self: Address): Shard {
    return this.#file(self).shard;
  }

  outdated(self: Address): boolean {
    return this.#file(self).outdated.has(self.kind);
  }

  get all(): readonly Shard[] {
    return this.#files.map((file) => file.shard);
  }

  #file(self: Address): File {
    return this.#files[hash(nameOf(self)) % this.#files.length]!;
  }
}

function bringUp(store: Store, actors: readonly Actor[]): Set<string> {
  if (schemaState(store, hostRows) === 'outdated')
    throw new Refused(
      'The data folder was written by a newer version of this server, which this version must not touch.',
    );
  const outdated = new Set<string>();
  for (const actor of [hostRows, ...actors]) {
    const state = schemaState(store, actor);
    if (state === 'outdated') outdated.add(actor.kind);
    if (state === 'behind') migrate(store, actor);
  }
  return outdated;
}
