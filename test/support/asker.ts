import { createApp } from '../../src/app.ts';
import type { Services } from '../../src/http/services.ts';
import {
  type ClientConfig,
  defaultConfig,
  developmentAttester,
  enroll,
  type Identity,
  memoryStore,
  type Sponsor,
  webCrypto,
} from '../../src/sdk/index.ts';
import { Prover } from '../blackbox/prover.ts';
import { ORIGIN } from './in-process.ts';

/** The routes over these services, and clients that reach them without a network. */
export interface Town {
  readonly services: Services;
  request(path: string, init?: RequestInit): Promise<Response>;
  config(): ClientConfig;
  enroll(sponsor?: Sponsor): Promise<Identity>;
  /** Asks as this device; `identity` may be one of another town over the same state. */
  prover(identity: Identity): Prover;
}

export function townOf(services: Services): Town {
  const app = createApp(() => services);
  const request = async (path: string, init?: RequestInit) => app.request(path, init);
  const way = {
    fetch: (url: string, init?: RequestInit) => request(url.slice(ORIGIN.length), init),
    now: services.now,
  };
  const config = (): ClientConfig => ({
    ...defaultConfig({
      deployment: services.deployment.id,
      origin: ORIGIN,
      roots: [services.keys.root.slice()],
      crypto: webCrypto(),
      store: memoryStore(),
    }),
    now: services.now,
    fetch: way.fetch,
    after: (_, run) => {
      setImmediate(run);
      return () => undefined;
    },
  });
  return {
    services,
    request,
    config,
    async enroll(sponsor) {
      const own = config();
      return (await enroll(own, developmentAttester(own.crypto), sponsor ? { sponsor } : {})).identity;
    },
    prover: (identity) => new Prover(ORIGIN, identity, way),
  };
}
