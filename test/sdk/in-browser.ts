/** Runs inside a page (bundled by browser.test.ts): one case of the suite, its devices in IndexedDB. */
import { indexedDbStore, webCrypto } from '../../src/sdk/index.ts';
import { nobleCrypto } from '../../src/sdk/crypto/noble.ts';
import { cases } from './suite/cases.ts';
import type { Ground } from './suite/cast.ts';

export interface PageResult {
  readonly secure: boolean;
  readonly failed: string | null;
}

let databases = 0;

export async function runCase(
  name: string,
  world: Pick<Ground, 'origin' | 'deployment' | 'root'>,
): Promise<PageResult> {
  const secure = globalThis.isSecureContext;
  const ground: Ground = {
    ...world,
    crypto: () => (secure ? webCrypto() : nobleCrypto()),
    store: () => indexedDbStore(`${name} ${++databases}`),
  };
  try {
    await cases.find((each) => each.name === name)?.run(ground);
    return { secure, failed: null };
  } catch (error) {
    return { secure, failed: error instanceof Error ? `${error.message}\n${error.stack}` : String(error) };
  }
}

Object.assign(globalThis, { runCase });
