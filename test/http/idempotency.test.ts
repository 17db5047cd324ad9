import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type KeptAnswer, MOST_OPERATIONS, OPEN_MS, OPERATION_KEEP_MS } from '../../src/actors/account/operation.ts';
import type { Actors, Json } from '../../src/actors/port.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { spkiOf } from '../../src/sdk/crypto/point.ts';
import type { Identity } from '../../src/sdk/index.ts';
import type { Sent } from '../blackbox/prover.ts';
import { type Town, townOf } from '../support/asker.ts';
import { inProcess } from '../support/in-process.ts';

const place = await inProcess();
afterAll(() => place.stop());
const { simulator } = place;

/** What was sent to handles. */
let codes: { handle: string; code: string }[] = [];
/** Stands in the actors' way when a test says so: what the process does not live to hear of. */
let lost: (body: Json) => boolean = () => false;
let fails: string | null = null;
let town: Town;
let alice: Identity;
let bob: Identity;
beforeAll(async () => {
  const actors = {
    command: async (...[to, key, body]: Parameters<Actors['command']>) =>
      lost(body) ? { ok: false, reason: 'unavailable' } : place.actors.command(to, key, body),
  } as Actors;
  const { handles } = place.db;
  const ended = async (id: string) => {
    if (fails === 'ended') throw new Error('D1_ERROR: the process died here');
    return handles.ended(id);
  };
  const services = await place.services({ actors, db: { ...place.db, handles: { ...handles, ended } } });
  town = townOf({
    ...services,
    directory: { ...services.directory, codes: { perAccount: 1_000, perHandle: 1_000, perDay: 1_000 } },
    codes: {
      ...services.codes,
      async send({ handle, code }) {
        codes.push({ handle, code });
        return true;
      },
    },
  });
  [alice, bob] = [await town.enroll(), await town.enroll()];
});

let keys = 0;
const freshKey = () => `key-${++keys}-of-this-test`;
const asked = (who: Identity, path: string, body: unknown, key: string, sent: Sent = {}) =>
  town
    .prover(who)
    .ask('POST', path, { ...sent, body: JSON.stringify(body), headers: { 'Idempotency-Key': key, ...sent.headers } });
const told = async (answer: Response) => [answer.status, await answer.json()] as const;
const reasonOf = async (answer: Response) => {
  const [status, body] = await told(answer);
  return [status, (body as { reason: string }).reason];
};
let people = 0;
const newHandle = () => ({ handle: `somebody-${++people}@example.com` });
const answered = (body: Json) => (body as { do: string }).do === 'answered';

describe('a POST with an Idempotency-Key', () => {
  it('is done once, and its repeat gets the same answer', async () => {
    const [key, body] = [freshKey(), newHandle()];
    codes = [];
    const first = await told(await asked(alice, '/v1/handles', body, key));
    expect(first).toMatchObject([202, { id: expect.any(String) as string }]);
    expect(await told(await asked(alice, '/v1/handles', body, key))).toEqual(first);
    expect(codes).toHaveLength(1);
    expect(await told(await asked(alice, '/v1/handles', body, freshKey()))).not.toEqual(first);
    expect(codes).toHaveLength(2);
  });

  it('is refused with another body, and nothing is done', async () => {
    const key = freshKey();
    expect((await asked(alice, '/v1/handles', newHandle(), key)).status).toBe(202);
    codes = [];
    expect(await reasonOf(await asked(alice, '/v1/handles', newHandle(), key))).toEqual([
      422,
      'idempotency-key-reused',
    ]);
    expect(codes).toEqual([]);
  });

  it('keeps a refusal as it keeps a success', async () => {
    const { id } = (await told(await asked(alice, '/v1/handles', newHandle(), freshKey())))[1] as { id: string };
    const path = `/v1/handles/${id}/verification`;
    const [key, wrong] = [freshKey(), { handle: 'somebody-else@example.com', code: '000000' }];
    const first = await told(await asked(alice, path, wrong, key));
    expect(first).toMatchObject([422, { reason: 'code-refused' }]);
    expect(await told(await asked(alice, path, wrong, key))).toEqual(first);
  });

  it('is another one at another resource and of another device', async () => {
    const [key, body] = [freshKey(), newHandle()];
    codes = [];
    const first = await told(await asked(alice, '/v1/handles', body, key));
    const elsewhere = await asked(alice, '/v1/lookups', { handles: [body.handle], claim: true, known: {} }, key);
    expect(elsewhere.status).toBe(200);
    const others = await told(await asked(bob, '/v1/handles', body, key));
    expect(others[0]).toBe(202);
    expect(others[1]).not.toEqual(first[1]);
    expect(codes).toHaveLength(2);
  });

  it('is taken with and without the quotes of a String; what is neither is refused', async () => {
    const body = newHandle();
    const key = freshKey();
    const first = await told(await asked(alice, '/v1/handles', body, `"${key}"`));
    expect(await told(await asked(alice, '/v1/handles', body, key))).toEqual(first);
    for (const bad of ['short', '"short"', 'a'.repeat(129), 'with space', 'with"quote', '"with\\\\escape"'])
      expect(await reasonOf(await asked(alice, '/v1/handles', body, bad))).toEqual([400, 'idempotency-key-malformed']);
  });

  it('is not begun twice while it is under way', async () => {
    const [key, body] = [freshKey(), newHandle()];
    codes = [];
    const all = await Promise.all(Array.from({ length: 4 }, () => asked(alice, '/v1/handles', body, key)));
    const statuses = all.map(({ status }) => status);
    expect(new Set(statuses)).toEqual(new Set([202, 409]));
    const refused = all.filter(({ status }) => status === 409);
    for (const one of refused) {
      expect(one.headers.get('Retry-After')).toBe('1');
      expect(await reasonOf(one)).toEqual([409, 'in-progress']);
    }
    expect(new Set(codes.map(({ code }) => code)).size).toBe(1);
  });

  it('without proof is answered nothing that was kept', async () => {
    const [key, body] = [freshKey(), newHandle()];
    expect((await asked(alice, '/v1/handles', body, key)).status).toBe(202);
    expect(await reasonOf(await asked(alice, '/v1/handles', body, key, { proof: null }))).toEqual([
      401,
      'credentials-missing',
    ]);
  });

  it('does not read what somebody without a token sends', async () => {
    let read = false;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          read = true;
          controller.close();
        },
      },
      { highWaterMark: 0 },
    );
    const init = { method: 'POST', headers: { 'Idempotency-Key': freshKey() }, body, duplex: 'half' } as RequestInit;
    expect((await town.request('/v1/handles', init)).status).toBe(401);
    expect(read).toBe(false);
  });
});

describe('a process that died between effect and answer', () => {
  it('leaves a request that is recognized: the same verification, the same code, 5 s later', async () => {
    const [key, body] = [freshKey(), newHandle()];
    codes = [];
    lost = answered;
    const first = (await told(await asked(alice, '/v1/handles', body, key)))[1];
    lost = () => false;
    expect(await reasonOf(await asked(alice, '/v1/handles', body, key))).toEqual([409, 'in-progress']);
    await simulator.pass(OPEN_MS);
    expect((await told(await asked(alice, '/v1/handles', body, key)))[1]).toEqual(first);
    expect(codes).toHaveLength(2);
    expect(codes[1]).toEqual(codes[0]);
  });

  it('after a verification leaves it verified for the repeat, whichever step was the last', async () => {
    for (const died of ['answered', 'ended'] as const) {
      const { handle } = newHandle();
      codes = [];
      const { id } = (await told(await asked(alice, '/v1/handles', { handle }, freshKey())))[1] as { id: string };
      const [key, proof] = [freshKey(), { handle, code: codes[0]!.code }];
      const path = `/v1/handles/${id}/verification`;
      lost = died === 'answered' ? answered : () => false;
      fails = died;
      await asked(alice, path, proof, key);
      [lost, fails] = [() => false, null];
      await simulator.pass(OPEN_MS);
      expect(await told(await asked(alice, path, proof, key))).toMatchObject([
        200,
        { verifiedAt: expect.any(Number) as number },
      ]);
    }
  });

  it('that never began it leaves it to be done', async () => {
    const [key, body] = [freshKey(), newHandle()];
    lost = (command) => (command as { operation?: unknown }).operation !== undefined;
    expect((await asked(alice, '/v1/handles', body, key)).status).toBe(503);
    lost = () => false;
    expect((await asked(alice, '/v1/handles', body, key)).status).toBe(202);
  });
});

describe('a lookup', () => {
  it('with a key and other handles is refused; what the asker knows meanwhile does not count', async () => {
    const key = freshKey();
    const body = { handles: ['nobody@example.com'], claim: true, known: {} };
    const known = { [alice.account]: { version: 1, hash: 'A'.repeat(43) } };
    expect((await asked(alice, '/v1/lookups', body, key)).status).toBe(200);
    expect((await asked(alice, '/v1/lookups', { ...body, known }, key)).status).toBe(200);
    const other = { ...body, handles: ['somebody@example.com'] };
    expect(await reasonOf(await asked(alice, '/v1/lookups', other, key))).toEqual([422, 'idempotency-key-reused']);
  });
});

describe('what an account keeps', () => {
  const answer: KeptAnswer = { status: 200, type: 'application/json', body: '{}' };
  async function command(body: object): Promise<Record<string, unknown>> {
    const told = await place.actors.command({ kind: 'account', name: alice.account }, 'test', body as Json);
    if (!told.ok) throw new Error(told.reason);
    return told.value as Record<string, unknown>;
  }
  async function begin(id: string): Promise<unknown> {
    const { device, key } = alice;
    const operation = { id, fingerprint: 'f', kept: true };
    const own = base64url(spkiOf(key.publicKey));
    return ((await command({ do: 'authorize', device, key: own, operation }))['operation'] as { begun: string }).begun;
  }
  const conclude = (operation: string) => command({ do: 'answered', device: alice.device, operation, answer });

  it('is kept for a day, and forgotten then', async () => {
    expect(await begin('a-day')).toBe('new');
    await conclude('a-day');
    await simulator.pass(OPERATION_KEEP_MS - 60_000);
    expect(await begin('a-day')).toBe('answered');
    await simulator.pass(60_000);
    expect(await begin('a-day')).toBe('new');
  });

  it(`is at most ${MOST_OPERATIONS} answers per device, the newest`, async () => {
    for (let i = 0; i <= MOST_OPERATIONS; i++) {
      expect(await begin(`many-${i}`)).toBe('new');
      await conclude(`many-${i}`);
    }
    expect(await begin(`many-${MOST_OPERATIONS}`)).toBe('answered');
    expect(await begin('many-1')).toBe('answered');
    expect(await begin('many-0')).toBe('new');
  });
});
