import { KeyStatus } from '../protocol/api.ts';
import type { IdentifiedApi } from './api.ts';
import type { Attester } from './enroll.ts';
import { CallsignError } from './errors.ts';
import { ownHead } from './identity.ts';
import { checkOwnHandles } from './own-handles.ts';
import { forgetRetired, isDue, publishBundle, publishOneTimeKeys } from './prekeys.ts';
import { compare, noteDropped } from './published.ts';
import { lifeOf, renewIdentity, type RenewalOptions } from './renew.ts';

/** One-time keys that one batch has, and the stock at which another is made: where the server says that few are left. */
export const ONE_TIME_KEYS = 100;
const LOW_STOCK = 25;
const LONGEST_WATCH_MS = 6 * 3_600_000;
const RETRY_MS = 3_600_000;

export interface UpkeepEvents {
  /** The certificate could not be renewed and ends then (ms). */
  readonly renewalNeeded: (until: number, reason: string) => void;
  /** What the server has is not what this device published. */
  readonly suspicious: (about: string, reason: string) => void;
}

/** What a device does in the background to stay callable: a new certificate before the old one ends, new prekeys, one-time keys. */
export class Upkeep {
  readonly #api: IdentifiedApi;
  readonly #attester: Attester | undefined;
  readonly #events: UpkeepEvents;
  #renewing: Promise<void> | null = null;
  #tending: Promise<void> | null = null;
  /** Callers that took so many one-time keys that they get no more for now. */
  readonly #drained = new Set<string>();
  #stopped = false;
  #stopWatch: () => void = () => undefined;

  constructor(api: IdentifiedApi, attester: Attester | undefined, events: UpkeepEvents) {
    this.#api = api;
    this.#attester = attester;
    this.#events = events;
  }

  get expired(): boolean {
    return lifeOf(this.#api.identity).until <= this.#api.serverNow();
  }

  /** From now on, until `stop`. */
  start(): void {
    this.#watch();
  }

  stop(): void {
    this.#stopped = true;
    this.#stopWatch();
  }

  /** A new certificate for the same key; several at once are one. */
  renew(options: Omit<RenewalOptions, 'attester'> = {}): Promise<void> {
    const { config, identity } = this.#api;
    this.#renewing ??= renewIdentity(config, identity, { ...options, attester: this.#attester })
      .then((renewed) => {
        this.#api.identity = renewed;
        if (renewed.overdue) this.#events.renewalNeeded(renewed.notAfter, 'assertion-due');
      })
      .finally(() => {
        this.#renewing = null;
      });
    return this.#renewing;
  }

  /** Publishes what callers need to ring this device: a fresh bundle and one-time keys. */
  async publishKeys(signal?: AbortSignal): Promise<void> {
    const { version } = await ownHead(this.#api.config, this.#api.identity.account);
    await publishBundle(this.#api, version, signal);
    await publishOneTimeKeys(this.#api, version, ONE_TIME_KEYS, signal);
  }

  /**
   * Looks after keys that were published: a prekey that is old is replaced, few one-time keys become more, and private keys
   * whose time is over are deleted. A device that never published is left alone. What failed is done at the next time.
   */
  tendKeys(): Promise<void> {
    this.#tending ??= this.#tend()
      .catch(() => undefined)
      .finally(() => {
        this.#tending = null;
      });
    return this.#tending;
  }

  drained(account: string): void {
    this.#drained.add(account);
    this.#events.suspicious('keys', 'drained');
  }

  /** An invitation of that account came without a one-time key: right when there are few, or when it took too many. */
  async lastResort(account: string): Promise<void> {
    const { left } = await this.#api.ask(KeyStatus, { method: 'GET', path: '/v1/keys/status' });
    if (left > LOW_STOCK && !this.#drained.has(account)) this.#events.suspicious('keys', 'last-resort');
  }

  async #tend(): Promise<void> {
    const { config } = this.#api;
    await forgetRetired(config, this.#api.serverNow());
    await checkOwnHandles(this.#api, this.#events.suspicious);
    const status = await this.#api.ask(KeyStatus, { method: 'GET', path: '/v1/keys/status' });
    if (this.#stopped) return;
    const finding = await compare(config.store, status, this.#api.serverNow());
    if (finding !== 'same') return this.#anew(finding);
    const { bundle, left } = status;
    if (bundle === null) return;
    const { version } = await ownHead(config, this.#api.identity.account);
    if (await isDue(config, this.#api.serverNow())) await publishBundle(this.#api, version);
    if (left <= LOW_STOCK) await publishOneTimeKeys(this.#api, version, ONE_TIME_KEYS);
  }

  /** The server has not what this device published: its user's application hears of it, and everything is published again. */
  async #anew(finding: 'lost' | 'mixed'): Promise<void> {
    this.#events.suspicious('keys', `server-${finding}`);
    await this.#api.ask(KeyStatus, { method: 'DELETE', path: '/v1/keys/one-time', repeatable: true });
    await noteDropped(this.#api.config.store);
    await this.publishKeys();
  }

  /** Renews when less than a third of the certificate's life is left; a renewal that failed is tried again. */
  #watch(): void {
    const { from, until } = lifeOf(this.#api.identity);
    const left = until - (until - from) / 3 - this.#api.serverNow();
    if (left > 0) return this.#watchIn(Math.min(left, LONGEST_WATCH_MS));
    this.renew().then(
      () => this.#watchIn(LONGEST_WATCH_MS),
      (error: unknown) => {
        if (!this.#stopped)
          this.#events.renewalNeeded(until, error instanceof CallsignError ? error.reason : 'unknown');
        this.#watchIn(RETRY_MS);
      },
    );
  }

  #watchIn(ms: number): void {
    if (this.#stopped) return;
    this.#stopWatch();
    this.#stopWatch = this.#api.config.after(ms, () => {
      void this.tendKeys();
      this.#watch();
    });
  }
}
