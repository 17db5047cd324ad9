import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Vector } from '../../../cli/vectors/vector.ts';

const here = new URL('../../../../shared/vectors/', import.meta.url);
const folder = process.env['CALLSIGN_VECTORS'] ?? fileURLToPath(here);

export type VectorOf<Input, Facts> = Omit<Vector, 'input'> & { readonly input: Input; readonly facts: Facts };

/** A family's vectors; empty, after one printed line, where the folder is absent. With CI=true its absence is an error. */
export function vectors<Input, Facts>(family: string): readonly VectorOf<Input, Facts>[] {
  const path = join(folder, `${family}.json`);
  if (existsSync(path))
    return (JSON.parse(readFileSync(path, 'utf8')) as { vectors: VectorOf<Input, Facts>[] }).vectors;
  const message = `skipped: no ${family} vectors at ${folder}; set CALLSIGN_VECTORS to their folder`;
  if (process.env['CI'] === 'true') throw new Error(message);
  // Not console.log: the reporter keeps that to itself when tests pass.
  process.stderr.write(`${message}\n`);
  return [];
}
