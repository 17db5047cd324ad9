import { describe, expect, it } from 'vitest';
import type { ClientConfig } from './config.ts';
import { CallsignError } from './errors.ts';
import { patiently } from './patience.ts';

/** A clock that jumps to what waits for it. */
function clock(share = 255) {
  const pauses: number[] = [];
  let now = 0;
  const config = {
    now: () => now,
    after: (ms: number, run: () => void) => {
      pauses.push(ms);
      const timer = setImmediate(() => {
        now += ms;
        run();
      });
      return () => clearImmediate(timer);
    },
    crypto: { random: () => new Uint8Array([share]) },
  } as unknown as ClientConfig;
  return { config, pauses };
}
const refused = (status: number, reason = 'unavailable', retryAfterMs?: number) =>
  new CallsignError('refused', reason, { status, ...(retryAfterMs !== undefined && { retryAfterMs }) });

/** Fails with these in turn, then succeeds. */
function failing(...errors: Error[]) {
  let tries = 0;
  return {
    get tries() {
      return tries;
    },
    work: async () => {
      const error = errors[tries++];
      if (error) throw error;
      return 'done';
    },
  };
}

describe('a request', () => {
  it.each([
    ['the network was gone', new CallsignError('network', 'unreachable')],
    ['the server was not available', refused(503)],
    ['it was asked too often', refused(429, 'too-many-requests')],
    ['the first one is still at work', refused(409, 'in-progress')],
    ['something between them was gone', refused(502)],
  ])('is said again when %s', async (_, error) => {
    const { work } = failing(error, error);
    await expect(patiently(clock().config, undefined, work)).resolves.toBe('done');
  });

  it.each([
    refused(500, 'internal'),
    refused(422, 'idempotency-key-reused'),
    refused(409, 'fork'),
    refused(403, 'device-revoked'),
    new CallsignError('protocol', 'unexpected-answer'),
    new TypeError('a bug'),
  ])('is not when the answer is no: %s', async (error) => {
    const failed = failing(error);
    await expect(patiently(clock().config, undefined, failed.work)).rejects.toBe(error);
    expect(failed.tries).toBe(1);
  });

  it('pauses longer each time, by another share each time, and never past its patience', async () => {
    const error = refused(503);
    const [most, least] = [clock(255), clock(0)];
    const forever = { work: () => Promise.reject(error) };
    await expect(patiently(most.config, undefined, forever.work)).rejects.toBe(error);
    await expect(patiently(least.config, undefined, forever.work)).rejects.toBe(error);
    expect(most.pauses.slice(0, 6)).toEqual([200, 400, 800, 1_600, 3_000, 3_000]);
    expect(least.pauses.slice(0, 6)).toEqual([100, 200, 400, 800, 1_500, 1_500]);
    for (const { config } of [most, least]) expect(config.now()).toBeLessThanOrEqual(30_000);
  });

  it('waits as long as the server asked for, and gives up at once when that is too long', async () => {
    const { config, pauses } = clock();
    await expect(patiently(config, undefined, failing(refused(429, 'x', 7_000)).work)).resolves.toBe('done');
    expect(pauses).toEqual([7_200]);
    const late = failing(refused(429, 'x', 60_000));
    await expect(patiently(config, undefined, late.work)).rejects.toMatchObject({ status: 429, retryAfterMs: 60_000 });
    expect(late.tries).toBe(1);
  });

  it('ends with its signal, in a pause too', async () => {
    const { config } = clock();
    const abort = new AbortController();
    const after: ClientConfig['after'] = () => {
      abort.abort();
      return () => undefined;
    };
    const work = failing(refused(503));
    await expect(patiently({ ...config, after }, abort.signal, work.work)).rejects.toMatchObject({ code: 'aborted' });
    expect(work.tries).toBe(1);
  });
});
