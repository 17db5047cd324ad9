import { cloudflareTurn, type CloudflareTurnConfig } from './cloudflare.ts';
import { coturn, type CoturnConfig } from './coturn.ts';
import type { Fetcher, IceServer, TurnUser } from './port.ts';

/** Life of TURN credentials, ms. A call that goes on refreshes its allocation with the credentials that it began with. */
export const ICE_LIFE_MS = 3_600_000;

export interface TurnConfig {
  readonly coturn: CoturnConfig | null;
  readonly cloudflare: CloudflareTurnConfig | null;
}

export interface IceServers {
  readonly iceServers: readonly IceServer[];
  /** Ask again before that, ms. */
  readonly expiresAt: number;
}

/** Everything that is configured, in one list. */
export interface TurnPort {
  /** Null when something is configured and nothing of it answered. `failed` is told of each provider that did not. */
  serversFor(user: TurnUser, now: number, failed: (detail: string) => void): Promise<IceServers | null>;
}

export function openTurn(config: TurnConfig, fetcher: Fetcher): TurnPort {
  const providers = [
    ...(config.coturn ? [coturn(config.coturn)] : []),
    ...(config.cloudflare ? [cloudflareTurn(config.cloudflare, fetcher)] : []),
  ];
  return {
    async serversFor(user, now, failed) {
      const expiresAt = now + ICE_LIFE_MS;
      const turned = await Promise.all(providers.map((one) => one.serversFor(user, expiresAt, now)));
      for (const one of turned) if (!one.ok) failed(one.detail);
      const iceServers = turned.flatMap((one) => (one.ok ? one.servers : []));
      return turned.length > 0 && turned.every((one) => !one.ok) ? null : { iceServers, expiresAt };
    },
  };
}
