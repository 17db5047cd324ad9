import { expect, test } from 'vitest';
import { denoWorld } from '../port/deno-world.ts';
import { chaos } from './rounds.ts';

test('ten times SIGKILL under load: Deno loses nothing it acknowledged and applies nothing twice', async () => {
  const world = await denoWorld();
  try {
    const report = await chaos(world, 10, 7);
    expect(report.violations).toEqual([]);
    expect(report.mails).toBeGreaterThan(100);
    expect(report.interrupted).toBeGreaterThan(0);
  } finally {
    await world.stop();
  }
});

test('a host that answers before its commit is durable is found out', async () => {
  const world = await denoWorld('answer-before-commit');
  try {
    const { violations } = await chaos(world, 6, 7, 10_000);
    expect(violations.join('\n')).toMatch(/was to count|acknowledged \d+ mails and kept/);
  } finally {
    await world.stop();
  }
});
