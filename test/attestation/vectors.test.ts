import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { judgeFile } from '../../cli/vectors/judge.ts';
import { readVectorFile } from '../../cli/vectors/vector.ts';

const folder = process.env['CALLSIGN_VECTORS'] ?? fileURLToPath(new URL('../../../shared/vectors/', import.meta.url));
const present = existsSync(folder);
if (!present && process.env['CI'] === 'true') throw new Error(`no vectors at ${folder}; set CALLSIGN_VECTORS`);
if (!present) process.stderr.write(`skipped: no vectors at ${folder}; set CALLSIGN_VECTORS to their folder\n`);

const files = present ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];

describe.skipIf(!present)('vectors', () => {
  it('there are some', () => expect(files.length).toBeGreaterThan(0));

  it.each(files)('%s is judged as expected, each at its own time', async (name) => {
    const judged = await judgeFile(readVectorFile(join(folder, name)));
    expect(judged, `no judge for ${name}`).not.toBeNull();
    expect(judged!.filter(({ right }) => !right)).toEqual([]);
    expect(judged!.length).toBeGreaterThan(0);
  });
});
