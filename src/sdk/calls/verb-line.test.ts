import { describe, expect, it } from 'vitest';
import type { Reply, Verb } from '../../protocol/call.ts';
import { VERB_LIFE_MS, VerbLine } from './verb-line.ts';

const call = 'c0'.repeat(16);
const verb = (name: 'ringing' | 'alive' | 'cancel' | 'hangup' | 'confirm'): Verb => ({ verb: name, call, attempt: 0 });
const answer: Verb = { verb: 'answer', call, attempt: 0, message: 'ab'.repeat(16), body: 'AAAA' };
const ok: Reply = { ok: true, call, rev: 1, state: 'ringing', serverNow: 1 };

/** A server that is there when told so, in a time that passes at once. */
function world(replies: (verb: Verb, times: number) => Reply | null) {
  const said: string[] = [];
  let now = 0;
  const line = new VerbLine({
    say: async (one) => {
      said.push(one.verb);
      return replies(one, said.length);
    },
    now: () => now,
    after: (ms, run) => {
      now += ms;
      queueMicrotask(run);
      return () => undefined;
    },
  });
  return { line, said, passed: () => now };
}

describe('the line of verbs', () => {
  it('says the next verb of a call only when the one before was answered', async () => {
    const { line, said } = world((_, times) => (times < 4 ? null : ok));
    expect(await Promise.all([line.say(answer), line.say(verb('confirm'))])).toEqual([ok, ok]);
    expect(said).toEqual(['answer', 'answer', 'answer', 'answer', 'confirm']);
  });

  it('takes the same verb twice as one errand', async () => {
    const { line, said } = world(() => ok);
    await Promise.all([line.say(answer), line.say(answer)]);
    expect(said).toEqual(['answer']);
  });

  it('drops what the end of the call makes pointless, but never an answer before it', async () => {
    const { line, said } = world((_, times) => (times < 3 ? null : ok));
    const replies = [line.say(answer), line.say(verb('ringing')), line.say(verb('hangup'))];
    expect(await Promise.all(replies)).toEqual([ok, null, ok]);
    expect(said).toEqual(['answer', 'answer', 'answer', 'hangup']);
  });

  it('says a sign of life once, and gives everything else up when its life is over', async () => {
    const { line, said, passed } = world(() => null);
    expect(await line.say(verb('alive'))).toBeNull();
    expect(said).toEqual(['alive']);
    expect(await line.say(verb('cancel'))).toBeNull();
    expect(passed()).toBeGreaterThanOrEqual(VERB_LIFE_MS);
  });

  it('that was stopped says nothing more', async () => {
    const { line, said } = world(() => null);
    const waiting = line.say(verb('cancel'));
    line.stop();
    expect(await waiting).toBeNull();
    expect(said.length).toBeLessThanOrEqual(2);
  });
});
