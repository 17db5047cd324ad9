/** What a page pays for the SDK, as a bundler makes it of the packed package. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Metafile } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pack } from './pack.ts';

/** After gzip -9: 60 kB of 1,024 bytes. */
const SDK_MAX_BYTES = 60 * 1_024;

const folder = mkdtempSync(join(tmpdir(), 'callsign-bundle-'));

beforeAll(() => {
  const tarball = pack(folder);
  const installed = join(folder, 'node_modules/callsign');
  mkdirSync(installed, { recursive: true });
  spawnSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']);
  symlinkSync(join(process.cwd(), 'node_modules'), join(installed, 'node_modules'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Bundle {
  /** Of everything that is loaded with the entry. */
  readonly gzip: number;
  /** Files of packages and ours that are in it. */
  readonly inputs: readonly string[];
  readonly later: readonly string[];
}

async function bundle(contents: string): Promise<Bundle> {
  const made = await build({
    stdin: { contents, resolveDir: folder, loader: 'js' },
    bundle: true,
    splitting: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    outdir: join(folder, 'out'),
    metafile: true,
    absWorkingDir: folder,
  });
  const { outputs } = made.metafile;
  const [entry] = Object.entries(outputs).find(([, output]) => output.entryPoint === '<stdin>')!;
  const now = reachable(outputs, entry);
  const inputsOf = (names: readonly string[]) => names.flatMap((name) => Object.keys(outputs[name]!.inputs));
  const files = made.outputFiles.filter(({ path }) => now.some((name) => path.endsWith(name)));
  return {
    gzip: files.reduce((sum, file) => sum + gzipSync(file.contents, { level: 9 }).length, 0),
    inputs: inputsOf(now),
    later: inputsOf(Object.keys(outputs).filter((name) => !now.includes(name))),
  };
}

/** The entry and the chunks it imports at once. */
function reachable(outputs: Metafile['outputs'], entry: string): string[] {
  const found = new Set([entry]);
  for (const name of found)
    for (const { path, kind } of outputs[name]!.imports) if (kind === 'import-statement') found.add(path);
  return [...found];
}

describe('the bundle of a page', () => {
  it(`with everything of the SDK is at most ${SDK_MAX_BYTES} bytes, the post-quantum part apart`, async () => {
    const all = await bundle(`export * from 'callsign/sdk';`);
    expect(all.gzip).toBeLessThanOrEqual(SDK_MAX_BYTES);
    expect(all.gzip).toBeGreaterThan(SDK_MAX_BYTES / 4);
    expect(all.inputs.filter((name) => name.includes('post-quantum'))).toEqual([]);
    expect(all.later.some((name) => name.includes('post-quantum/ml-kem'))).toBe(true);
  });

  it('leaves out what is not imported', async () => {
    const errors = await bundle(`export { CallsignError } from 'callsign/sdk';`);
    expect(errors.gzip).toBeLessThan(2_000);
    const client = await bundle(`export { CallsignClient, defaultConfig, webCrypto } from 'callsign/sdk';`);
    for (const part of ['stores/file', 'stores/indexed-db', 'attesters/', 'noble.js', 'simplewebauthn'])
      expect(client.inputs.filter((name) => name.includes(part) && !name.includes('@noble'))).toEqual([]);
  });
});
