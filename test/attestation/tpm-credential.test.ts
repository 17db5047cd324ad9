import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { compute } from '../../cli/vectors/tpm-credential.ts';
import { readVectorFile } from '../../cli/vectors/vector.ts';

const folder = process.env['CALLSIGN_VECTORS'] ?? fileURLToPath(new URL('../../../shared/vectors/', import.meta.url));
const path = `${folder}/tpm-credential-protection.json`;
const present = existsSync(path);
if (!present && process.env['CI'] === 'true') throw new Error(`no vectors at ${folder}; set CALLSIGN_VECTORS`);
if (!present) process.stderr.write(`skipped: no vectors at ${folder}; set CALLSIGN_VECTORS to their folder\n`);

describe.skipIf(!present)('TPM credential protection', () => {
  const all = present ? readVectorFile(path).vectors : [];

  it('has vectors of every operation', () => {
    const operations = new Set(all.map(({ input }) => input['op']));
    expect(operations.size).toBe(5);
    expect(all.length).toBeGreaterThan(200);
  });

  it.each(all)('reproduces $id exactly', async (vector) => {
    expect(await compute(vector)).toEqual(vector.expect.output);
  });
});
