import type { AndroidStatusList, MetadataList, TrustStore } from '../../attestation/trust/store.ts';
import type { ListHead, Repositories } from '../../db/repositories.ts';
import { unpackMetadata, unpackStatus } from './stored.ts';

/** How long after another list came into force somebody may still judge by the one before, ms. */
export const LISTS_LIFE_MS = 60_000;

interface InForce {
  readonly versions: ReadonlyMap<string, number>;
  readonly metadata: MetadataList | null;
  readonly androidStatus: AndroidStatusList | null;
}

/**
 * The trust store with the lists in force. Reads which those are at most once a minute, and a list itself only when it is
 * another one; nothing is shared between requests but what was read. While the database does not answer, the lists that
 * were read stay in force, and their age is judged as ever.
 */
export class TrustInForce {
  readonly #lists: Repositories['lists'];
  readonly #now: () => number;
  readonly #failed: (error: unknown) => void;
  readonly base: TrustStore;
  #kept: { readonly store: TrustStore; readonly inForce: InForce } | null = null;
  #readAt = 0;

  constructor(
    base: TrustStore,
    lists: Repositories['lists'],
    now: () => number,
    failed: (error: unknown) => void = () => {},
  ) {
    this.base = base;
    this.#lists = lists;
    this.#now = now;
    this.#failed = failed;
  }

  /** Throws only when no list was ever read and the database does not answer. */
  async current(): Promise<TrustStore> {
    const now = this.#now();
    if (this.#kept !== null && now - this.#readAt < LISTS_LIFE_MS) return this.#kept.store;
    this.#readAt = now;
    try {
      return await this.reload();
    } catch (error) {
      if (this.#kept === null) throw error;
      this.#failed(error);
      return this.#kept.store;
    }
  }

  /** What is in force at this moment. */
  async reload(): Promise<TrustStore> {
    const heads = await this.#lists.heads();
    const inForce = await this.#read(heads, this.#kept?.inForce ?? null);
    const { base } = this;
    const store: TrustStore = {
      anchors: base.anchors,
      get intermediates() {
        return base.intermediates;
      },
      metadata: inForce.metadata,
      androidStatus: inForce.androidStatus,
    };
    this.#kept = { store, inForce };
    this.#readAt = this.#now();
    return store;
  }

  async #read(heads: readonly ListHead[], before: InForce | null): Promise<InForce> {
    const head = (name: string) => heads.find((one) => one.name === name);
    return {
      versions: new Map(heads.map(({ name, version }) => [name, version])),
      metadata: await this.#one(head('mds'), before, before?.metadata ?? null, unpackMetadata),
      androidStatus: await this.#one(head('android-status'), before, before?.androidStatus ?? null, unpackStatus),
    };
  }

  async #one<L extends { readonly fetchedAt: number }>(
    head: ListHead | undefined,
    before: InForce | null,
    kept: L | null,
    unpack: (body: Uint8Array, fetchedAt: number) => Promise<L>,
  ): Promise<L | null> {
    if (head === undefined) return null;
    if (kept !== null && before?.versions.get(head.name) === head.version)
      return { ...kept, fetchedAt: head.fetchedAt };
    const row = await this.#lists.newest(head.name);
    return row && unpack(row.body, row.fetchedAt);
  }
}
