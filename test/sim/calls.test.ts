import { describe, expect, it } from 'vitest';
import { callsScenario, told } from './calls-scenario.ts';
import { silenced } from './calls/silence.ts';
import { replay, simulate } from './simulate.ts';

/** The first failing run of a planted fault from seed 1 on, replayed to the letter. */
async function caught(planted: string, within: number): Promise<string> {
  const report = await simulate(callsScenario, within, 1, planted, 1);
  const first = report.failures[0];
  if (!first) return 'not caught';
  expect((await replay(callsScenario, first.seed, planted)).broken).toEqual(first.broken);
  return first.broken.join('\n');
}

describe('calls in the simulator, the real actors and the real client machine', () => {
  it('keep G4, G5 and G6 through 60 storms of losses, duplicates, delays, skew, crashes, cut sockets and hasty users', async () => {
    const report = await simulate(callsScenario, 60, 1, null);
    expect(report.failures).toEqual([]);
    expect(report.runs).toBe(60);
    expect(Object.entries(told).filter(([, times]) => times === 0)).toEqual([]);
    expect(silenced.dead + silenced.alive).toBeGreaterThan(0);
  });

  it('replay exactly: one seed, one story, with everything that happened a line each', async () => {
    const [first, second] = [await replay(callsScenario, 5, null), await replay(callsScenario, 5, null)];
    expect(second).toEqual(first);
    expect(first.trace.length).toBeGreaterThan(100);
  });

  it('without the winner check two devices are granted: caught by G5 within 60 runs', async () => {
    expect(await caught('winner', 60)).toMatch(/^G5 one winner/m);
  });

  it('without the drained rule a call that ended while the device was away alerts: caught within 100 runs', async () => {
    expect(await caught('drained', 100)).toMatch(/^no alert after the end in one drain/m);
  });

  it('without the pair lock both calls of a glare ring on: caught within 10 runs', async () => {
    expect(await caught('pair-lock', 10)).toMatch(/^glare leaves exactly one call/m);
  });

  it('when receivers forget mail numbers a mailbox is handed an envelope twice: caught within 3 runs', async () => {
    expect(await caught('forget-numbers', 3)).toMatch(/^mail is applied once/m);
  });

  it('when a call never looks at its sockets, who died without a word stays in it: caught within 100 runs', async () => {
    expect(await caught('never-look', 100)).toMatch(/^who falls silent is out after its lease/m);
  });
});
