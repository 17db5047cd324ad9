import { IceReply, type IceServer } from '../protocol/ice.ts';
import type { IdentifiedApi } from './api.ts';

/** STUN and TURN servers as a peer connection takes them, and until when their credentials hold (local clock, ms). */
export interface IceServers {
  readonly servers: IceServer[];
  readonly until: number;
}

/** Servers that hold for less than this are asked for again. */
const MARGIN_MS = 300_000;
const RETRY_MS = 15_000;
/** Of no call in particular. */
const ANY = '';

/** Asks for relays, keeps what it got as long as it holds, and looks after it while somebody needs it. */
export class Ice {
  readonly #api: IdentifiedApi;
  readonly #kept = new Map<string, IceServers>();

  constructor(api: IdentifiedApi) {
    this.#api = api;
  }

  /** Servers that hold for another five minutes at least; `call` binds their credentials to a call of this device. */
  async servers(call: string = ANY, signal?: AbortSignal): Promise<IceServers> {
    const kept = this.#kept.get(call);
    if (kept && kept.until - this.#api.config.now() > MARGIN_MS) return kept;
    const body = call === ANY ? {} : { call };
    const request = { method: 'POST', path: '/v1/ice-servers', body, repeatable: true, signal } as const;
    return this.keep(call, await this.#api.ask(IceReply, request));
  }

  /** What came by another way: a wake brings servers with it. */
  keep(call: string, { iceServers, expiresAt, serverNow }: IceReply): IceServers {
    const now = this.#api.config.now();
    for (const [id, { until }] of this.#kept) if (until <= now) this.#kept.delete(id);
    const made = { servers: iceServers, until: now + expiresAt - serverNow };
    this.#kept.set(call, made);
    return made;
  }

  /**
   * Tells servers now and again before each end, until the returned function is called: a call that goes on needs credentials in
   * force for its next ICE restart. What cannot be had is asked for again.
   */
  watch(call: string, changed: (servers: IceServers) => void): () => void {
    const { now, after } = this.#api.config;
    const over = new AbortController();
    let cancel: () => void = () => undefined;
    const again = (ms: number) => {
      if (!over.signal.aborted) cancel = after(Math.max(ms, 1_000), look);
    };
    const look = () => {
      this.servers(call, over.signal).then(
        (made) => {
          if (over.signal.aborted) return;
          changed(made);
          again(made.until - MARGIN_MS - now());
        },
        () => again(RETRY_MS),
      );
    };
    look();
    return () => {
      over.abort();
      cancel();
    };
  }
}
