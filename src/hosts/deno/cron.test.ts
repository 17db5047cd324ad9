import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Cron } from './cron.ts';

beforeEach(() => {
  vi.useFakeTimers({ now: 10_500 });
});
afterEach(() => {
  vi.useRealTimers();
});

test('work runs soon after the start and then at every multiple of its period', async () => {
  const at: number[] = [];
  const run = async (now: number) => void at.push(now);
  const cron = new Cron([{ name: 'w', everyMs: 5_000, run }], Date.now, () => {});
  await vi.advanceTimersByTimeAsync(14_600);
  expect(at).toEqual([11_500, 15_000, 20_000, 25_000]);
  cron.stop();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(at).toHaveLength(4);
});

test('work that fails is told of by name and comes again; work that takes long never runs beside itself', async () => {
  const failed: unknown[] = [];
  let running = 0;
  let most = 0;
  const slow = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    running--;
  };
  const cron = new Cron(
    [
      { name: 'bad', everyMs: 1_000, run: () => Promise.reject(new Error('no')) },
      { name: 'slow', everyMs: 1_000, run: slow },
    ],
    Date.now,
    (name, error) => failed.push([name, String(error)]),
  );
  await vi.advanceTimersByTimeAsync(10_000);
  expect(failed.length).toBeGreaterThan(5);
  expect(failed[0]).toEqual(['bad', 'Error: no']);
  expect(most).toBe(1);
  cron.stop();
});

test('work that is under way when everything stops is the last', async () => {
  let runs = 0;
  const slow = async () => {
    runs++;
    await new Promise((resolve) => setTimeout(resolve, 500));
  };
  const cron = new Cron([{ name: 'slow', everyMs: 1_000, run: slow }], Date.now, () => {});
  await vi.advanceTimersByTimeAsync(1_200);
  cron.stop();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(runs).toBe(1);
});
