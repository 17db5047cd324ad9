import { describe, expect, it } from 'vitest';
import { fuzz, targets } from './run.ts';

describe('fuzzing for a moment', () => {
  it.each(targets)('$name: no finding', async (target) => {
    const report = await fuzz(target, 3, 20_261_126);
    expect(report.findings).toEqual([]);
    expect(report.mutations).toBeGreaterThan(100);
    expect(report.counts['refused']).toBeGreaterThan(0);
  });
});
