import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { memoryStore, webCrypto } from '../../../src/sdk/index.ts';
import { Cast } from './cast.ts';
import { deploy, type Deployment } from './server.ts';

/** A deployment for the tests of one file, and devices of its own for each: WebCrypto, in memory. */
export function casting(): { readonly cast: Cast } {
  let deployed: Deployment | null = null;
  const stage: { cast: Cast } = { cast: undefined as never };
  beforeAll(async () => {
    deployed = await deploy();
  });
  afterAll(async () => {
    await deployed?.server.stop();
  });
  beforeEach(() => {
    const { server, deployment, root } = deployed!;
    const own = { crypto: () => webCrypto(), store: async () => memoryStore() };
    stage.cast = new Cast({ origin: server.url, deployment, root, ...own });
  });
  afterEach(() => {
    stage.cast.close();
  });
  return stage;
}
