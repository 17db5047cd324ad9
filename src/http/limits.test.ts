import { describe, expect, it } from 'vitest';
import { Gate } from './gate.ts';
import { addressKey } from './limited.ts';
import { defaultLimits, LIMITS, limitsFrom } from './limits.ts';

const NOW = Date.UTC(2026, 10, 26);
const production = defaultLimits('production');

describe('limits', () => {
  it('are the table in production, and a thousand times as much in development', () => {
    expect(production).toEqual(LIMITS);
    expect(defaultLimits('development').writes).toEqual({ requestsAtOnce: 120_000, requestsPerMinute: 300_000 });
  });

  it('are changed one by one by the setting', () => {
    const changed = limitsFrom('{"tokens":{"requestsAtOnce":7,"requestsPerMinute":0.5}}', production);
    expect(changed).toEqual({ ...production, tokens: { requestsAtOnce: 7, requestsPerMinute: 0.5 } });
    expect(limitsFrom(undefined, production)).toEqual(production);
    expect(limitsFrom('', production)).toEqual(production);
  });

  it.each([
    'no JSON',
    '[]',
    'null',
    '{"token":{"requestsAtOnce":7,"requestsPerMinute":1}}',
    '{"tokens":{"requestsAtOnce":7}}',
    '{"tokens":{"requestsAtOnce":7,"requestsPerMinute":1,"perHour":1}}',
    '{"tokens":{"requestsAtOnce":0,"requestsPerMinute":1}}',
    '{"tokens":{"requestsAtOnce":1.5,"requestsPerMinute":1}}',
    '{"tokens":{"requestsAtOnce":7,"requestsPerMinute":0}}',
    '{"tokens":{"requestsAtOnce":7,"requestsPerMinute":"1"}}',
  ])('are not read from %s', (text) => expect(limitsFrom(text, production)).toBe(null));
});

describe('the gate', () => {
  const limits = { ...production, tokens: { requestsAtOnce: 2, requestsPerMinute: 60 } };

  it('lets a full bucket through at once, then one by one as it fills', () => {
    const gate = new Gate(limits);
    expect(gate.take('tokens', 'a', NOW)).toEqual({ ok: true, limit: 'tokens', left: 1, resetMs: 1_000 });
    expect(gate.take('tokens', 'a', NOW)).toEqual({ ok: true, limit: 'tokens', left: 0, resetMs: 2_000 });
    expect(gate.take('tokens', 'a', NOW)).toEqual({ ok: false, limit: 'tokens', left: 0, resetMs: 1_000 });
    expect(gate.take('tokens', 'a', NOW + 999).ok).toBe(false);
    expect(gate.take('tokens', 'a', NOW + 1_000).ok).toBe(true);
    expect(gate.take('tokens', 'a', NOW + 1_000).ok).toBe(false);
  });

  it('keeps callers and limits apart', () => {
    const gate = new Gate(limits);
    for (const caller of ['a', 'b']) for (let i = 0; i < 2; i++) expect(gate.take('tokens', caller, NOW).ok).toBe(true);
    expect(gate.take('tokens', 'a', NOW).ok).toBe(false);
    expect(gate.take('challenges', 'a', NOW).ok).toBe(true);
  });

  it('remembers so many callers and no more, and forgets who was quiet longest', () => {
    const gate = new Gate(limits, 3);
    for (let i = 0; i < 2; i++) gate.take('tokens', 'steady', NOW);
    for (let i = 0; i < 1_000; i++) {
      gate.take('tokens', `passing ${i}`, NOW);
      expect(gate.take('tokens', 'steady', NOW).ok).toBe(false);
    }
    expect(gate.size).toBe(3);
  });
});

describe('one client', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['::ffff:192.0.2.7', '192.0.2.7'],
    ['2001:DB8:0:1:2:3:4:5', '2001:db8:0:1::/64'],
    ['2001:db8::5', '2001:db8:0:0::/64'],
    ['2001:0db8::1:0:0:0:5', '2001:db8:0:1::/64'],
    ['::1', '0:0:0:0::/64'],
    ['::', '0:0:0:0::/64'],
  ])('of %s is %s', (address, key) => expect(addressKey(address)).toBe(key));

  it.each([null, '', 'example.com', '2001:db8', '1::2::3', '1:2:3:4:5:6:7:8:9', '12345::', 'unix:/x', ':::', '1.2.3'])(
    'is not %s',
    (address) => expect(addressKey(address)).toBe(null),
  );
});
