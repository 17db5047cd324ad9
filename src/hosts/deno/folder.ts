import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Refused } from './refused.ts';

/** What a deployment decides once. Written at the first start, compared at every later one. */
export interface Deployment {
  /** Where actors' data may lie; `none` when it does not matter. */
  readonly jurisdiction: string;
  /** How many files the actors are spread over. */
  readonly files: number;
}

export interface DataFolder {
  readonly path: string;
  readonly deployment: Deployment;
  release(): void;
}

const IDENTITY = 'deployment.json';

/**
 * Takes possession of a data folder: made if it is not there (0700), refused when others on this machine may enter it,
 * when another process holds it, or when it belongs to another deployment.
 */
export function openFolder(path: string, wanted: { jurisdiction: string; newFiles: number }): DataFolder {
  if (!existsSync(path)) mkdirSync(path, { recursive: true, mode: 0o700 });
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0)
    throw new Refused(`Others may enter the data folder ${path} (mode ${mode.toString(8)}): run chmod 700 ${path}.`);
  const release = lock(join(path, 'lock'), path);
  try {
    return { path, deployment: identity(join(path, IDENTITY), wanted), release };
  } catch (error) {
    release();
    throw error;
  }
}

/** The lock is the operating system's, so a process that was killed leaves none; the pid in it is for people. */
function lock(file: string, folder: string): () => void {
  const handle = Deno.openSync(file, { create: true, read: true, write: true, mode: 0o600 });
  if (!handle.tryLockSync(true)) {
    handle.close();
    throw new Refused(`The data folder ${folder} is in use by process ${readFileSync(file, 'utf8').trim()}.`);
  }
  handle.truncateSync(0);
  handle.writeSync(new TextEncoder().encode(`${process.pid}\n`));
  return () => handle.close();
}

function identity(file: string, wanted: { jurisdiction: string; newFiles: number }): Deployment {
  if (!existsSync(file)) {
    const made: Deployment = { jurisdiction: wanted.jurisdiction, files: wanted.newFiles };
    writeFileSync(`${file}.new`, `${JSON.stringify(made)}\n`, { mode: 0o600, flush: true });
    renameSync(`${file}.new`, file);
    chmodSync(file, 0o400);
    return made;
  }
  const kept = read(file);
  if (kept.jurisdiction !== wanted.jurisdiction)
    throw new Refused(
      `This data folder belongs to a deployment with JURISDICTION ${kept.jurisdiction}, which is fixed at the first start; it is now ${wanted.jurisdiction}.`,
    );
  return kept;
}

function read(file: string): Deployment {
  try {
    const { jurisdiction, files } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Deployment>;
    if (typeof jurisdiction === 'string' && Number.isSafeInteger(files) && files! >= 1 && files! <= 256)
      return { jurisdiction, files: files! };
  } catch {
    // Said below, with the file's name.
  }
  throw new Refused(`${file} is damaged: restore it from a backup, because it says which file holds which actor.`);
}
