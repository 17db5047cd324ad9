import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { takeToken } from './bucket.ts';
import type { Bucket } from './bucket.ts';
import { releaseLock, takeLock } from './pair.ts';
import type { PairRow } from './pair.ts';
import { INVITE_BUCKET, judgeInvite, STRANGER_UNANSWERED_MAX } from './policy.ts';
import type { CallPolicy, PolicyFacts } from './policy.ts';

const NOW = 1_000_000;
const open: CallPolicy = { blocked: [], quietUntil: null, contactsOnly: false, contacts: [] };
const facts: PolicyFacts = {
  caller: 'caller',
  devices: ['p', 'l'],
  set: 4,
  callable: { set: 4, devices: [{ device: 'p', bundle: 'P' }, { device: 'l' }] },
  staleCapabilities: [],
  bucket: null,
  unanswered: 0,
  random: 0.5,
};
const judge = (policy: Partial<CallPolicy>, change: Partial<PolicyFacts> = {}) =>
  judgeInvite({ ...open, ...policy }, { ...facts, ...change }, NOW).answer;

describe('callee policy', () => {
  it('lets a call ring', () => expect(judge({})).toEqual({ verdict: 'ring', lock: null }));

  it.each([
    [{ blocked: ['caller'] }, {}, 'blocked', false],
    [{ quietUntil: NOW + 1 }, {}, 'do-not-disturb', true],
    [{ contactsOnly: true }, {}, 'contacts-only', true],
    [{}, { unanswered: STRANGER_UNANSWERED_MAX }, 'stranger-limit', false],
  ])('silences %j %j as %s, with a row in the history: %s', (policy, change, cause, log) => {
    const answer = judge(policy, change);
    expect(answer).toMatchObject({ verdict: 'silence', cause, log });
    expect(answer).toHaveProperty('ringAfterMs', 700);
  });

  it('does not count contacts as strangers, and forgets quiet hours when they are over', () => {
    expect(judge({ contactsOnly: true, contacts: ['caller'] }, { unanswered: 9 }).verdict).toBe('ring');
    expect(judge({ quietUntil: NOW }).verdict).toBe('ring');
  });

  it('answers a blocked caller like any other where its data are stale', () => {
    const stale = { devices: ['p', 'old'], set: 3 };
    const expected = { verdict: 'stale-devices', set: 4, missing: [{ device: 'l' }], extra: ['old'] };
    expect(judge({}, stale)).toEqual(expected);
    expect(judge({ blocked: ['caller'] }, stale)).toEqual(expected);
    expect(judge({}, { set: 3 })).toMatchObject({ verdict: 'stale-devices', missing: [], extra: [] });
  });

  it('tells nothing of the devices to who holds no capability', () => {
    expect(judge({}, { devices: ['x', 'y'] })).toEqual({ verdict: 'stale-capability', devices: ['x', 'y'] });
    expect(judge({}, { devices: ['p', 'x'], staleCapabilities: ['p'] })).toEqual({
      verdict: 'stale-capability',
      devices: ['p', 'x'],
    });
    expect(judge({}, { staleCapabilities: ['l'] })).toEqual({ verdict: 'stale-capability', devices: ['l'] });
    expect(judge({}, { callable: { set: 0, devices: [] } })).toEqual({ verdict: 'callee-unknown' });
  });

  it('lets five invitations through at once and ten a minute, blocked or not', () => {
    let bucket: Bucket | null = null;
    const verdicts: string[] = [];
    for (let i = 0; i < 8; i++) {
      const judged = judgeInvite({ ...open, blocked: ['caller'] }, { ...facts, bucket }, NOW);
      ({ bucket } = judged);
      verdicts.push(judged.answer.verdict);
    }
    expect(verdicts).toEqual([...Array<string>(5).fill('silence'), ...Array<string>(3).fill('rate-limited')]);
    expect(takeToken(bucket, INVITE_BUCKET, NOW + 6_000).ok).toBe(true);
  });
});

describe('token bucket', () => {
  it('never gives more than the burst plus what has grown', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3_000), { maxLength: 200 }), (gaps) => {
        let bucket: Bucket | null = null;
        let now = 0;
        let taken = 0;
        for (const gap of gaps) {
          now += gap;
          const result = takeToken(bucket, { burst: 5, perMs: 1_000 }, now);
          ({ bucket } = result);
          if (result.ok) taken++;
          const later = now + (result.ok ? 5_000 : result.retryAfterMs);
          expect(takeToken(bucket, { burst: 5, perMs: 1_000 }, later).ok).toBe(true);
        }
        expect(taken).toBeLessThanOrEqual(5 + now / 1_000);
      }),
    );
  });
});

describe('pair lock', () => {
  const ask = (call: string, from: 'a' | 'b', until = 100) => ({
    call,
    caller: { account: from, device: `${from}1` },
    callee: from === 'a' ? 'b' : 'a',
    until,
  });

  it('gives the lock to the first call, and to the lower id when the opposite one comes', () => {
    const first = takeLock([], ask('5', 'a'), 0);
    expect(first.answer).toEqual({ lock: 'taken' });
    const lower = takeLock(first.rows, ask('3', 'b'), 0);
    expect(lower).toMatchObject({ answer: { lock: 'glare', survivor: '3', other: '5' }, losers: ['5'] });
    expect(lower.rows.map((row) => row.call)).toEqual(['3']);
    const higher = takeLock(first.rows, ask('7', 'b'), 0);
    expect(higher).toMatchObject({
      answer: { lock: 'glare', survivor: '5', other: '5' },
      losers: [],
      rows: first.rows,
    });
  });

  it('lets calls in the same direction pass, and is released only by its own call or by time', () => {
    const two = takeLock(takeLock([], ask('5', 'a'), 0).rows, ask('4', 'a'), 0);
    expect(two.answer).toEqual({ lock: 'taken' });
    expect(releaseLock(two.rows, '9', 0)).toEqual(two.rows);
    expect(releaseLock(two.rows, '5', 0).map((row) => row.call)).toEqual(['4']);
    expect(takeLock(two.rows, ask('9', 'b'), 100).answer).toEqual({ lock: 'taken' });
  });

  it('never leaves two opposite calls standing, whatever comes in which order', () => {
    const step = fc.record({
      call: fc.integer({ min: 1, max: 9 }).map(String),
      from: fc.constantFrom('a' as const, 'b' as const),
      release: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        let rows: PairRow[] = [];
        const direction = new Map<string, 'a' | 'b'>();
        for (const { call, from, release } of steps) {
          const own = direction.get(call) ?? from;
          direction.set(call, own);
          rows = release ? releaseLock(rows, call, 0) : takeLock(rows, ask(call, own), 0).rows;
          expect(new Set(rows.map((row) => row.caller)).size).toBeLessThanOrEqual(1);
        }
      }),
    );
  });
});
