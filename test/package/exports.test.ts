import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pack } from './pack.ts';
import { PATIENCE_MS } from '../support/patience.ts';

const { exports: exported } = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: object };

/** The package as somebody installs it: built, packed, unpacked into a folder of its own, and imported by name. */
const folder = mkdtempSync(join(tmpdir(), 'callsign-package-'));
const bin = (name: string) => join(process.cwd(), 'node_modules/.bin', name);
const installed = join(folder, 'node_modules/callsign');
let tarball = '';

beforeAll(() => {
  tarball = pack(folder);
  mkdirSync(installed, { recursive: true });
  expect(spawnSync('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1']).status).toBe(0);
  symlinkSync(join(process.cwd(), 'node_modules'), join(installed, 'node_modules'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'consumer', type: 'module' }));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the package', () => {
  it.each([
    ['sdk/noble', `m.nobleCrypto().name === 'noble'`],
    ['sdk', `typeof m.CallsignClient === 'function' && typeof m.enroll === 'function'`],
    ['sdk/join', `typeof m.join === 'function'`],
    ['sdk/group', `typeof m.groupCalls === 'function'`],
    ['sdk/webrtc', `typeof m.MediaConnection === 'function' && typeof m.serveFrames === 'function'`],
    ['attestation', `typeof m.verifyEvidence === 'function' && m.policies.standard.version.startsWith('standard')`],
    ['protocol', `m.PROBLEMS['not-found'].status === 404`],
  ])('is imported as callsign/%s by Node', (name, holds) => {
    writeFileSync(
      join(folder, `${name.replaceAll('/', '-')}.mjs`),
      `import * as m from 'callsign/${name}';\nconsole.log(${holds});\n`,
    );
    const run = spawnSync(process.execPath, [`${name.replaceAll('/', '-')}.mjs`], {
      cwd: folder,
      encoding: 'utf8',
      timeout: 2 * PATIENCE_MS,
    });
    expect(`${run.stdout}${run.stderr}`).toBe('true\n');
  });

  it('is not imported by paths that it does not export', () => {
    writeFileSync(join(folder, 'inside.mjs'), `import 'callsign/dist/sdk/api.js';\n`);
    expect(spawnSync(process.execPath, ['inside.mjs'], { cwd: folder, encoding: 'utf8' }).stderr).toContain(
      'ERR_PACKAGE_PATH_NOT_EXPORTED',
    );
  });

  it('brings types that a strict consumer compiles against', () => {
    writeFileSync(
      join(folder, 'consumer.ts'),
      `import { CallsignClient, type Peer } from 'callsign/sdk';\nimport type { Verdict } from 'callsign/attestation';\nimport type { Verb } from 'callsign/protocol';\n` +
        `export const call = (client: CallsignClient, peer: Peer) => client.call(peer, ['audio']).id satisfies string;\n` +
        `export const accepted = (verdict: Verdict): boolean => verdict.decision === 'accept';\nexport const name = (verb: Verb): string => verb.verb;\n` +
        `// @ts-expect-error a peer is not a handle\nexport const wrong = (client: CallsignClient) => client.call('bob@example.com');\n`,
    );
    const settings = {
      strict: true,
      noEmit: true,
      module: 'nodenext',
      target: 'es2023',
      lib: ['ES2024', 'DOM'],
      types: [],
      skipLibCheck: true,
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: settings, files: ['consumer.ts'] }));
    expect(spawnSync(bin('tsc'), ['-p', '.'], { cwd: folder, encoding: 'utf8' }).stdout).toBe('');
  });

  it('has nothing that publint complains of', () => {
    const run = spawnSync(bin('publint'), ['run', '--strict', '--pack', 'false', installed], {
      encoding: 'utf8',
      timeout: 2 * PATIENCE_MS,
    });
    expect(run.stdout).toContain('All good!');
  });

  it('has types that resolve for who imports ES modules and for bundlers', async () => {
    const checked = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
    if (!checked.types) throw new Error('no types in the package');
    // `require` of an ES module is for Node to judge, and node10 knows no exports; neither is promised.
    const promised = checked.problems.filter((problem) => {
      const kind = 'resolutionKind' in problem ? problem.resolutionKind : null;
      return kind !== 'node10' && kind !== 'node16-cjs';
    });
    expect(promised).toEqual([]);
    expect(Object.keys(checked.entrypoints).toSorted()).toEqual(Object.keys(exported).toSorted());
  });
});
