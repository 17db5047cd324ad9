import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { Gate } from '../../src/http/gate.ts';
import { defaultLimits, type Limits, type LimitName } from '../../src/http/limits.ts';
import type { Identity } from '../../src/sdk/index.ts';
import { type Town, townOf } from '../support/asker.ts';
import { inProcess } from '../support/in-process.ts';

const place = await inProcess();
afterAll(() => place.stop());

let address: string | null;
/** The same state under other limits. */
async function townWith(changed: Partial<Limits>): Promise<Town> {
  const limits = { ...defaultLimits('development'), ...changed };
  return townOf({ ...(await place.services()), limits, gate: new Gate(limits), clientAddress: () => address });
}
beforeEach(() => {
  address = '192.0.2.1';
});
const two = { requestsAtOnce: 2, requestsPerMinute: 6 };
const generous = await townWith({});
const someone = () => generous.enroll();

/** The draft's fields, read as Structured Fields: name, then its parameters. */
function fields(text: string | null): Record<string, Record<string, number>> {
  return Object.fromEntries(
    (text ?? '').split(', ').map((item) => {
      const [name = '', ...parameters] = item.split(';');
      expect(name).toMatch(/^"[a-z]+"$/);
      const pairs = parameters.map((pair) => pair.split('=') as [string, string]);
      return [name.slice(1, -1), Object.fromEntries(pairs.map(([key, value]) => [key, Number(value)]))];
    }),
  );
}

async function expectTooMany(answer: Response, limit: LimitName, retryAfterS: number): Promise<void> {
  expect(answer.status).toBe(429);
  expect(Number(answer.headers.get('Retry-After'))).toBe(retryAfterS);
  expect(fields(answer.headers.get('RateLimit'))[limit]).toEqual({ r: 0, t: retryAfterS });
  expect(await answer.json()).toMatchObject({ reason: limit });
}

describe('whoever proves nothing', () => {
  const json = (body: unknown) => ({
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  const form = { method: 'POST', body: new URLSearchParams({ grant_type: 'x' }) };

  it.each<[LimitName, string, RequestInit, number]>([
    ['challenges', '/v1/enrollments/challenges', json({ format: 'tpm2' }), 201],
    ['challenges', '/v1/enrollments/activations', json({}), 400],
    ['challenges', '/v1/renewals/challenges', json({}), 400],
    ['challenges', '/v1/courier/nonce', {}, 200],
    ['enrollments', '/v1/enrollments', json({}), 400],
    ['enrollments', '/v1/renewals', json({}), 400],
    ['tokens', '/v1/token', form, 400],
    ['sockets', '/v1/courier', {}, 426],
    ['sockets', `/v1/calls/${'a'.repeat(32)}/socket`, {}, 426],
  ])('may ask for so many %s: %s', async (limit, path, init, status) => {
    const town = await townWith({ [limit]: two });
    for (const left of [1, 0]) {
      const answer = await town.request(path, init);
      expect(answer.status).toBe(status);
      expect(fields(answer.headers.get('RateLimit-Policy'))).toEqual({ [limit]: { q: 2, w: 20 } });
      expect(fields(answer.headers.get('RateLimit'))[limit]?.['r']).toBe(left);
    }
    await expectTooMany(await town.request(path, init), limit, 10);
    address = '192.0.2.2';
    expect((await town.request(path, init)).status).toBe(status);
  });

  it('without an address shares one bucket with all who have none', async () => {
    const town = await townWith({ challenges: two });
    const ask = async (from: string | null) => {
      address = from;
      return (await town.request('/v1/courier/nonce')).status;
    };
    expect([await ask(null), await ask('no address'), await ask(null)]).toEqual([200, 200, 429]);
  });

  it('may ask again when the bucket has filled', async () => {
    const town = await townWith({ challenges: two });
    const ask = async () => (await town.request('/v1/courier/nonce')).status;
    expect([await ask(), await ask(), await ask()]).toEqual([200, 200, 429]);
    await place.simulator.pass(10_000);
    expect([await ask(), await ask()]).toEqual([200, 429]);
  });

  it('and asks for what costs nothing is not counted', async () => {
    const town = await townWith({ challenges: two, tokens: two, sockets: two, enrollments: two });
    for (let i = 0; i < 5; i++) expect((await town.request('/v1/pki/ca')).status).toBe(200);
  });
});

describe('a device', () => {
  const body = JSON.stringify({ blocked: [], quietUntil: null, contactsOnly: false, contacts: [] });

  it('may read so often, and another is not held up by it', async () => {
    const [alice, bob] = [await someone(), await someone()];
    const town = await townWith({ reads: two });
    const read = async (who: Identity) => {
      const prover = generous.prover(who);
      const proof = await prover.proof('GET', '/v1/policy', await prover.token());
      return town.request('/v1/policy', { headers: { Authorization: `DPoP ${await prover.token()}`, DPoP: proof } });
    };
    expect((await read(alice)).headers.get('RateLimit')).toBe('"reads";r=1;t=10');
    expect((await read(alice)).status).toBe(200);
    await expectTooMany(await read(alice), 'reads', 10);
    expect((await read(bob)).status).toBe(200);
  });

  it('may write so often, wherever it asks: the account counts', async () => {
    const [alice, bob] = [await someone(), await someone()];
    const writes = { requestsAtOnce: 2, requestsPerMinute: 1 };
    const [one, other] = [await townWith({ writes }), await townWith({ writes })];
    const put = (town: Town, who: Identity) => town.prover(who).ask('PUT', '/v1/policy', { body });
    expect((await put(one, alice)).headers.get('RateLimit-Policy')).toBe('"writes";q=2;w=120');
    expect((await put(other, alice)).headers.get('RateLimit')).toMatch(/^"writes";r=0;t=\d+$/);
    const refused = await put(one, alice);
    await expectTooMany(refused, 'writes', Number(refused.headers.get('Retry-After')));
    expect((await put(one, bob)).status).toBe(200);
  });
});
