import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openFolder } from './folder.ts';
import { Refused } from './refused.ts';

let parent = '';
let path = '';
const wanted = { jurisdiction: 'none', newFiles: 16 };

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'callsign-folder-'));
  path = join(parent, 'data');
});

afterEach(() => rmSync(parent, { recursive: true }));

test('a new folder is made for its owner alone', () => {
  const folder = openFolder(path, wanted);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  expect(statSync(join(path, 'lock')).mode & 0o777).toBe(0o600);
  folder.release();
});

test('a folder is held by one process at a time, and the refusal names it', () => {
  const folder = openFolder(path, wanted);
  expect(() => openFolder(path, wanted)).toThrow(
    new Refused(`The data folder ${path} is in use by process ${process.pid}.`),
  );
  folder.release();
  openFolder(path, wanted).release();
});

test('a lock file left behind by a dead process holds nobody up', () => {
  openFolder(path, wanted).release();
  expect(existsSync(join(path, 'lock'))).toBe(true);
  openFolder(path, wanted).release();
});

test('a folder that others may enter is refused', () => {
  openFolder(path, wanted).release();
  chmodSync(path, 0o750);
  expect(() => openFolder(path, wanted)).toThrow(/run chmod 700/);
});

test('what a deployment decided once stays: jurisdiction refused, number of files kept', () => {
  openFolder(path, { jurisdiction: 'eu', newFiles: 8 }).release();
  expect(() => openFolder(path, wanted)).toThrow(/fixed at the first start/);
  const folder = openFolder(path, { jurisdiction: 'eu', newFiles: 4 });
  expect(folder.deployment).toEqual({ jurisdiction: 'eu', files: 8 });
  folder.release();
});

test('a damaged identity is refused, not guessed, and the lock is given back', () => {
  openFolder(path, wanted).release();
  const file = join(path, 'deployment.json');
  chmodSync(file, 0o600);
  for (const text of ['', '{', '{"jurisdiction":"none","files":0}', '{"jurisdiction":1,"files":16}']) {
    writeFileSync(file, text);
    expect(() => openFolder(path, wanted)).toThrow(/is damaged/);
  }
});
