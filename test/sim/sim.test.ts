import { describe, expect, it } from 'vitest';
import { portScenario } from './port-scenario.ts';
import { replay, simulate } from './simulate.ts';

describe('the port in the simulator', () => {
  it('keeps every promise through 250 storms of losses, duplicates, delays, skew and crashes', async () => {
    const report = await simulate(portScenario, 250, 1, null);
    expect(report.failures).toEqual([]);
    expect(report.runs).toBe(250);
  });

  it('finds receivers that do not remember mail numbers, and the seed it names replays to the letter', async () => {
    const report = await simulate(portScenario, 50, 1, 'forget-numbers');
    expect(report.failures.length).toBeGreaterThan(0);
    const seed = report.failures[0]!.seed;
    const [first, second] = [
      await replay(portScenario, seed, 'forget-numbers'),
      await replay(portScenario, seed, 'forget-numbers'),
    ];
    expect(first.broken).toEqual(report.failures[0]!.broken);
    expect(second).toEqual(first);
    expect(first.broken.join('\n')).toContain('not once and in order');
    expect(first.trace.length).toBeGreaterThan(20);
  });
});
