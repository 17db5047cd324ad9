import fc from 'fast-check';
import { afterEach, expect, test, vi } from 'vitest';
import { Timers } from './timers.ts';

afterEach(() => {
  vi.useRealTimers();
});

test('every name rings once, at the last time it was armed for, earliest first', () => {
  const step = fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd', 'e'), at: fc.option(fc.nat(5_000)) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      vi.useFakeTimers({ now: 0 });
      const rung: { name: string; at: number }[] = [];
      const timers = new Timers(Date.now, (name) => rung.push({ name, at: Date.now() }));
      const expected = new Map<string, number>();
      for (const { name, at } of steps) {
        timers.arm(name, at);
        if (at === null) expected.delete(name);
        else expected.set(name, at);
      }
      vi.advanceTimersByTime(6_000);
      expect(new Map(rung.map(({ name, at }) => [name, at]))).toEqual(expected);
      expect(rung).toHaveLength(expected.size);
      expect(rung.map(({ at }) => at)).toEqual(rung.map(({ at }) => at).toSorted((a, b) => a - b));
    }),
  );
});

test('arming again and again for a far time keeps no more than a bound of what was replaced', () => {
  vi.useFakeTimers({ now: 0 });
  let rung = 0;
  const timers = new Timers(Date.now, () => rung++);
  timers.arm('near', 10);
  for (let i = 0; i < 10_000; i++) timers.arm('far', 1_000_000 + i);
  vi.advanceTimersByTime(1_020_000);
  expect(rung).toBe(2);
});

test('armBy never makes a wake later', () => {
  vi.useFakeTimers({ now: 0 });
  const rung: number[] = [];
  const timers = new Timers(Date.now, () => rung.push(Date.now()));
  timers.armBy('a', 100);
  timers.armBy('a', 500);
  timers.armBy('a', 50);
  vi.advanceTimersByTime(1_000);
  expect(rung).toEqual([50]);
});
