import { describe, expect, it } from 'vitest';
import { groupsScenario, told } from './groups-scenario.ts';
import { replay, simulate } from './simulate.ts';

/** The first failing run of a planted fault from seed 1 on, replayed to the letter. */
async function caught(planted: string, within: number): Promise<string> {
  const report = await simulate(groupsScenario, within, 1, planted, 1);
  const first = report.failures[0];
  if (!first) return 'not caught';
  expect((await replay(groupsScenario, first.seed, planted)).broken).toEqual(first.broken);
  return first.broken.join('\n');
}

describe('groups in the simulator, the real actors and the real client machine', () => {
  it('let nobody in without a grant, tell nobody who is out, use no participant id twice and raise their epochs one by one, through 60 storms', async () => {
    const report = await simulate(groupsScenario, 60, 1, null);
    expect(report.failures).toEqual([]);
    expect(report.runs).toBe(60);
    expect(Object.entries(told).filter(([, times]) => times === 0)).toEqual([]);
  });

  it('when participant ids are used again one comes back: caught within 20 runs', async () => {
    expect(await caught('participants', 20)).toMatch(/^participant ids are used once/m);
  });

  it('when a call never looks at its sockets, who died without a word stays in its group: caught within 60 runs', async () => {
    expect(await caught('never-look', 60)).toMatch(/^who falls silent is out after its lease/m);
  });

  it('when whoever was once rung may join it talks without a grant: caught within 60 runs', async () => {
    expect(await caught('stranger', 60)).toMatch(/^who talks was granted/m);
  });
});
