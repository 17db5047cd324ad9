import type { CryptoProvider } from './crypto/provider.ts';
import type { KeyStore } from './store.ts';

/** A WebSocket as every runtime has one; only this much of it is used. */
export interface SocketLike {
  binaryType: string;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'open' | 'message' | 'close' | 'error', listener: (event: never) => void): void;
}

/**
 * Everything a client stands on. `deployment` and `roots` come with the application, never from the network: they are
 * what the network is judged by.
 */
export interface ClientConfig {
  /** Deployment id. */
  readonly deployment: string;
  /** Public URL of the deployment, without a trailing slash. */
  readonly origin: string;
  /** Pinned roots of identity certificates, DER. */
  readonly roots: readonly Uint8Array<ArrayBuffer>[];
  readonly crypto: CryptoProvider;
  readonly store: KeyStore;
  /** Local clock, ms since 1970. */
  readonly now: () => number;
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>;
  readonly openSocket: (url: string, protocols: string[]) => SocketLike;
  /** Calls `run` after `ms`; the returned function takes it back. */
  readonly after: (ms: number, run: () => void) => () => void;
}

/** A configuration on what the runtime has: browsers, Node 22 and later (which have WebSocket), Deno. */
export function defaultConfig(
  given: Pick<ClientConfig, 'deployment' | 'origin' | 'roots' | 'crypto' | 'store'>,
): ClientConfig {
  return {
    ...given,
    now: () => Date.now(),
    fetch: (url, init) => fetch(url, init),
    openSocket: (url, protocols) => new WebSocket(url, protocols) as unknown as SocketLike,
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  };
}
