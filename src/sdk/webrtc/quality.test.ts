import fc from 'fast-check';
import { expect, it } from 'vitest';
import { AUDIO, LOW_DATA_STEP, pace, type Pace, VIDEO_STEPS } from './quality.ts';

const audio = AUDIO.usual.bitrate;
const last = VIDEO_STEPS.length - 1;
const sample = fc.record({
  available: fc.option(fc.integer({ min: 0, max: 5_000_000 })),
  loss: fc.double({ min: 0, max: 1, noNaN: true }),
});

it('whatever is measured, the step is one of the list and not above the best allowed', () => {
  fc.assert(
    fc.property(fc.array(sample), fc.integer({ min: 0, max: last }), (samples, best) => {
      let now: Pace = { step: best, calm: 0 };
      for (const one of samples) {
        now = pace(now, one, audio, best);
        expect(now.step).toBeGreaterThanOrEqual(best);
        expect(now.step).toBeLessThanOrEqual(last);
      }
    }),
  );
});

it('where speech alone fills the path, the picture goes in one step', () => {
  expect(pace({ step: 0, calm: 0 }, { available: audio, loss: 0 }, audio)).toEqual({ step: last, calm: 0 });
});

it('speech is never asked for less: only room beyond its rate is given to the picture', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 5_000_000 }), (available) => {
      const { step } = pace({ step: 0, calm: 0 }, { available, loss: 0 }, audio);
      expect(step === last || audio + VIDEO_STEPS[step]!.bitrate <= available).toBe(true);
    }),
  );
});

it('loss alone steps down by one', () => {
  expect(pace({ step: 0, calm: 0 }, { available: null, loss: 0.2 }, audio).step).toBe(1);
});

it('the way up takes five calm samples for each step, and one bad sample begins the count again', () => {
  const calm = { available: 10_000_000, loss: 0 };
  let now: Pace = { step: 2, calm: 0 };
  for (let i = 0; i < 4; i++) now = pace(now, calm, audio);
  expect(now.step).toBe(2);
  now = pace(now, { available: 10_000_000, loss: 0.07 }, audio);
  for (let i = 0; i < 4; i++) now = pace(now, calm, audio);
  expect(now.step).toBe(2);
  expect(pace(now, calm, audio).step).toBe(1);
});

it('in low data the picture does not rise above its step', () => {
  let now: Pace = { step: LOW_DATA_STEP, calm: 0 };
  for (let i = 0; i < 50; i++)
    now = pace(now, { available: 10_000_000, loss: 0 }, AUDIO.lowData.bitrate, LOW_DATA_STEP);
  expect(now.step).toBe(LOW_DATA_STEP);
});
