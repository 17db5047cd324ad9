import { expect, test } from 'vitest';
import { workerdWorld } from '../port/workerd-world.ts';
import { chaos } from './rounds.ts';

test('ten times SIGKILL under load: workerd loses nothing it acknowledged and applies nothing twice', async () => {
  const world = await workerdWorld();
  try {
    const report = await chaos(world, 10, 7);
    expect(report.violations).toEqual([]);
    expect(report.counts.acknowledged).toBeGreaterThan(20);
    expect(report.mails).toBeGreaterThan(50);
  } finally {
    await world.stop();
  }
});

test('a host that forgets which mail it applied is found out', async () => {
  const world = await workerdWorld({ PLANT: 'forget-heard' });
  try {
    const { violations } = await chaos(world, 4, 7);
    expect(violations.join('\n')).toMatch(/got mail of .* as .*/);
  } finally {
    await world.stop();
  }
});
