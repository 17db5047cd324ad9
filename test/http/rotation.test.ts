import * as jose from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import { type ClientConfig, CallsignClient, developmentAttester, enroll, type Identity } from '../../src/sdk/index.ts';
import { type Town, townOf } from '../support/asker.ts';
import { inProcess, ORIGIN } from '../support/in-process.ts';

/** CALLSIGN_KEYS before, during and after the overlap of old and new directory, token and nonce keys, over the same state. */
interface Written {
  readonly directory: jose.JWK;
  readonly access: jose.JWK;
  readonly nonces: readonly { readonly kid: string; readonly secret: string }[];
}
const made = await makeDevelopmentSecrets(Date.now());
const old = JSON.parse(made.CALLSIGN_KEYS) as Written;
const fresh = JSON.parse((await makeDevelopmentSecrets(Date.now())).CALLSIGN_KEYS) as Written;
/** What stays of a key that only verifies. */
const shown = ({ kty, crv, kid, x, y }: jose.JWK) => ({ kty, crv, kid, x, y });
const renamed = { ...fresh.nonces[0]!, kid: 'n2' };
const place = await inProcess(made);
afterAll(() => place.stop());

const townWith = async (keys: object) =>
  townOf(await place.services({}, { CALLSIGN_KEYS: JSON.stringify({ ...old, ...keys }) }));
const before = await townWith({});
const overlap = await townWith({
  directory: [fresh.directory, shown(old.directory)],
  access: [fresh.access, shown(old.access)],
  nonces: [renamed, ...old.nonces],
});
const after = await townWith({ directory: fresh.directory, access: [fresh.access], nonces: [renamed] });

/** Which deployment of the rolling change answers a path. */
let serving: (path: string) => Town = () => before;
beforeEach(() => {
  serving = () => before;
});
const rolling = (): ClientConfig => ({
  ...before.config(),
  fetch: (url, init) => {
    const path = url.slice(ORIGIN.length);
    return serving(path).request(path, init);
  },
});
const BOB = 'bob@example.com';
const isKeys = (path: string) => path === '/.well-known/jwks.json';

let alice: Identity;
beforeAll(async () => {
  alice = await before.enroll();
  const own = rolling();
  const bob = new CallsignClient(own, (await enroll(own, developmentAttester(own.crypto))).identity);
  await bob.addHandle(BOB, async () => before.services.inbox!(`mail1:${BOB}`)!);
});
const finder = () => new CallsignClient(rolling(), alice);
const kidOf = (assertion: string) => jose.decodeProtectedHeader(assertion).kid;

describe('the directory key', () => {
  it('is published with the one before it, newest first, and the old one is gone after the overlap', async () => {
    const kids = async (town: Town) =>
      ((await (await town.request('/.well-known/jwks.json')).json()) as { keys: { kid: string; d?: string }[] }).keys;
    expect((await kids(before)).map(({ kid }) => kid)).toEqual([old.directory.kid, old.access.kid]);
    expect((await kids(overlap)).map(({ kid }) => kid)).toEqual([
      fresh.directory.kid,
      old.directory.kid,
      fresh.access.kid,
      old.access.kid,
    ]);
    expect((await kids(after)).map(({ kid }) => kid)).toEqual([fresh.directory.kid, fresh.access.kid]);
    for (const town of [before, overlap, after])
      expect((await kids(town)).every(({ d }) => d === undefined)).toBe(true);
  });

  it('of before and after are both believed while they overlap, by clients that keep the key set and by new ones', async () => {
    const [keeps, comes] = [finder(), finder()];
    expect(kidOf((await keeps.find(BOB))!.assertion)).toBe(old.directory.kid);
    serving = () => overlap;
    expect(kidOf((await keeps.find(BOB))!.assertion)).toBe(fresh.directory.kid);
    expect(kidOf((await comes.find(BOB))!.assertion)).toBe(fresh.directory.kid);
    // An isolate that still runs with the old secret.
    serving = (path) => (isKeys(path) ? overlap : before);
    for (const client of [keeps, comes, finder()])
      expect(kidOf((await client.find(BOB))!.assertion)).toBe(old.directory.kid);
  });

  it('that went is refused, within the hour by who kept it', async () => {
    const keeps = finder();
    serving = (path) => (isKeys(path) ? overlap : before);
    expect(kidOf((await keeps.find(BOB))!.assertion)).toBe(old.directory.kid);
    serving = (path) => (isKeys(path) ? after : before);
    await expect(finder().find(BOB)).rejects.toMatchObject({ code: 'verification', reason: 'handle-unknown-key' });
    await place.simulator.pass(3_600_000);
    await expect(keeps.find(BOB)).rejects.toMatchObject({ code: 'verification', reason: 'handle-unknown-key' });
  });

  it('is what any JWT library finds for an assertion', async () => {
    serving = () => overlap;
    const { assertion } = (await finder().find(BOB))!;
    const keys = (await (await overlap.request('/.well-known/jwks.json')).json()) as jose.JSONWebKeySet;
    const { payload } = await jose.jwtVerify(assertion, jose.createLocalJWKSet(keys), {
      issuer: ORIGIN,
      typ: 'callsign-handle+jwt',
      currentDate: new Date(place.simulator.now),
    });
    expect(payload['handle']).toBe(`mail1:${BOB}`);
  });
});

describe('the token key', () => {
  it('of before opens until the overlap ends; then a client gets another token by itself', async () => {
    const token = await before.prover(alice).token();
    const ask = async (town: Town) => {
      const answer = await town.prover(alice).ask('GET', '/v1/policy', { token });
      return [answer.status, ((await answer.json()) as { reason?: string }).reason];
    };
    expect(await ask(overlap)).toEqual([200, undefined]);
    expect(await ask(after)).toEqual([401, 'token-unknown-key']);
    const client = finder();
    await client.history();
    serving = () => after;
    expect(await client.history()).toEqual([]);
  });

  it('of after opens nothing where it is not known yet', async () => {
    const token = await after.prover(alice).token();
    const answer = await before.prover(alice).ask('GET', '/v1/policy', { token });
    expect([answer.status, ((await answer.json()) as { reason: string }).reason]).toEqual([401, 'token-unknown-key']);
  });
});

describe('the nonce key', () => {
  it('of before is taken in proofs until the overlap ends', async () => {
    const nonce = await before.prover(alice).nonce();
    const ask = async (town: Town) => (await town.prover(alice).ask('GET', '/v1/policy', { claims: { nonce } })).status;
    expect([await ask(overlap), await ask(after)]).toEqual([200, 401]);
  });

  it('of before is taken in challenges until the overlap ends', async () => {
    const enrollAt = (town: Town) => {
      serving = (path) => (path === '/v1/enrollments/challenges' ? before : town);
      const config = rolling();
      return enroll(config, developmentAttester(config.crypto));
    };
    expect((await enrollAt(overlap)).identity.account).toMatch(/^[a-z2-7]{52}$/);
    await expect(enrollAt(after)).rejects.toMatchObject({ code: 'refused', reason: 'challenge' });
  });
});

describe('secrets', () => {
  it.each([
    ['two keys of one kid', { directory: [fresh.directory, { ...shown(old.directory), kid: fresh.directory.kid }] }],
    ['a first key that cannot sign', { access: [shown(fresh.access), old.access] }],
    ['a list of none', { directory: [] }],
    ['what is no key', { directory: [fresh.directory, { kid: 'x', x: 'AA', y: 'AA' }] }],
  ])('with %s are refused in a sentence', async (_, keys) => {
    await expect(townWith(keys)).rejects.toMatchObject({ name: 'SecretsError' });
  });
});
