import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeDevelopmentSecrets, type Secrets } from '../secrets.ts';
import type { Settings } from '../services.ts';

const NAMES = ['CALLSIGN_CA', 'CALLSIGN_KEYS', 'CALLSIGN_DEVELOPMENT'] as const;
/** What others gave the deployment: never made here. */
const GIVEN = ['CALLSIGN_PUSH', 'CALLSIGN_TURN'] as const;

/**
 * Secrets from the environment; in development, when there are none, from a file in the data folder that the first start
 * makes (mode 0600). Production never makes any.
 */
export async function readSecrets(
  env: Readonly<Record<string, string | undefined>>,
  folder: string,
  { environment }: Settings,
  now: number,
): Promise<Partial<Secrets>> {
  const of = (names: readonly string[]) =>
    Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
  const [own, given] = [of(NAMES), of(GIVEN)];
  if (Object.keys(own).length > 0 || environment === 'production') return { ...own, ...given };
  const path = join(folder, 'development-secrets.json');
  if (!existsSync(path)) {
    writeFileSync(`${path}.new`, JSON.stringify(await makeDevelopmentSecrets(now)), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
  return { ...(JSON.parse(readFileSync(path, 'utf8')) as Secrets), ...given };
}
