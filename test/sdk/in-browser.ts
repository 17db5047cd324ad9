/** Runs inside a page (bundled by browser.test.ts): one case of the suite, its devices in IndexedDB. */
import { indexedDbStore, webCrypto } from '../../src/sdk/index.ts';
import { nobleCrypto } from '../../src/sdk/crypto/noble.ts';
import { cases } from './suite/cases.ts';
import { Gate, givenUp, operations, prepare, type Stage } from './suite/aborts.ts';
import { Cast, type Ground } from './suite/cast.ts';

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

let prepared: Promise<{ stage: Stage; gate: Gate }> | null = null;

/** One operation of the abort table; the stage is set once per page. */
export async function runAbort(name: string, world: Pick<Ground, 'origin' | 'deployment' | 'root'>): Promise<string[]> {
  prepared ??= (async () => {
    const gate = new Gate();
    const own = { crypto: () => webCrypto(), store: () => indexedDbStore(`abort ${++databases}`) };
    return { gate, stage: await prepare(new Cast({ ...world, ...own }), gate) };
  })();
  const { stage, gate } = await prepared;
  return givenUp(operations[name]!, stage, gate);
}

Object.assign(globalThis, { runCase, runAbort });
