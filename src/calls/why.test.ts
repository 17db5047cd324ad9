import { describe, expect, it } from 'vitest';
import { whyOf } from './why.ts';

const story = (...told: readonly (string | [string, string])[]) =>
  told.map((one, at) => {
    const [type, reason = null] = typeof one === 'string' ? [one] : one;
    return { type: `call.${type}`, at, reason };
  });

describe('why a call rang, or did not', () => {
  it.each([
    ['waiting', story('invited')],
    ['refused', story('invited', ['refused', 'rate-limited'])],
    ['refused', story('invited', ['refused', 'stale-devices'])],
    ['silenced', story('invited', ['ringing', 'blocked'], ['alerting', 'blocked'], ['ended', 'blocked'])],
    ['merged', story('invited', ['withdrawn', 'glare-merged'])],
    ['replaced', story('invited', ['withdrawn', 'replaced'])],
    ['taken-back', story('invited', ['withdrawn', 'cancelled'])],
    ['not-reached', story('invited', 'ringing', ['ended', 'unreachable'])],
    ['not-alerted', story('invited', 'ringing', 'delivered', ['ended', 'cancelled'])],
    ['rang', story('invited', 'ringing', 'delivered', 'alerting', ['ended', 'no-answer'])],
    ['rang', story('invited', ['refused', 'stale-devices'], 'invited', 'ringing', 'granted', ['ended', 'completed'])],
  ])('%s', (why, milestones) => expect(whyOf(milestones)).toBe(why));
});
