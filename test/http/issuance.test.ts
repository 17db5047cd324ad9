import { afterAll, describe, expect, it } from 'vitest';
import type { Actors, Json } from '../../src/actors/port.ts';
import { createApp } from '../../src/app.ts';
import { readIdentity } from '../../src/identity/certificate.ts';
import type { EventRow } from '../../src/protocol/event.ts';
import { defaultConfig, developmentAttester, enroll, memoryStore, webCrypto } from '../../src/sdk/index.ts';
import { renewIdentity } from '../../src/sdk/renew.ts';
import { inProcess, ORIGIN } from '../support/in-process.ts';

const place = await inProcess();
afterAll(() => place.stop());
const healthy = await place.services();
const living = createApp(() => healthy);
const roots = [healthy.keys.root.slice()];

/** Where the process dies: after so many steps outside it, the last one done and unheard of, or not done at all. */
interface Crash {
  readonly after: number;
  readonly done: boolean;
}

interface Death {
  readonly app: ReturnType<typeof createApp>;
  readonly steps: string[];
  /** What the issuing key signed. */
  readonly signed: Uint8Array[];
  died: boolean;
}

/** A process of which every step that leaves it is counted: tables, actors, the issuing key. */
async function dying({ after, done }: Crash): Promise<Death> {
  const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const last = death.steps.length === after;
    if (death.died || (last && !done)) {
      death.died = true;
      throw new Error('died');
    }
    death.steps.push(name);
    const value = await work();
    if (!last) return value;
    death.died = true;
    throw new Error('died');
  };
  const { db } = place;
  const actors = {
    command: (to: Parameters<Actors['command']>[0], key: string, body: Json) =>
      step((body as { do: string }).do, () => place.actors.command(to, key, body)),
  };
  const challenges = {
    ...db.challenges,
    use: (...given: Parameters<typeof db.challenges.use>) => step('use', () => db.challenges.use(...given)),
  };
  const evidence = {
    put: (...given: Parameters<typeof db.evidence.put>) => step('put', () => db.evidence.put(...given)),
    keep: (...given: Parameters<typeof db.evidence.keep>) => step('keep', () => db.evidence.keep(...given)),
    get: (hash: string) => db.evidence.get(hash),
    sweep: (now: number) => db.evidence.sweep(now),
  };
  const services = await place.services({ actors: actors as Actors, db: { ...db, challenges, evidence } });
  const { issuer } = services.keys;
  const sign = (data: Uint8Array<ArrayBuffer>) =>
    step('sign', () => {
      death.signed.push(data);
      return issuer.signer.sign(data);
    });
  const keys = { ...services.keys, issuer: { ...issuer, signer: { ...issuer.signer, sign } } };
  const death: Death = { app: createApp(() => ({ ...services, keys })), steps: [], signed: [], died: false };
  return death;
}

interface Told {
  readonly certificate: readonly string[];
}

/** A client whose request of `path` meets a death; the same is then asked of the living until it is answered, and once more. */
function mourner(path: string, death: () => Death, told: Told[]) {
  const own = { deployment: healthy.deployment.id, origin: ORIGIN, roots, crypto: webCrypto(), store: memoryStore() };
  return {
    ...defaultConfig(own),
    now: () => place.simulator.now,
    fetch: async (url: string, init: RequestInit) => {
      const asked = url.slice(ORIGIN.length);
      if (asked !== path) return living.request(asked, init);
      const first = await death().app.request(asked, init);
      if (first.ok) told.push((await first.clone().json()) as Told);
      for (let again = 0; again < 2; again += 1) {
        const answer = await living.request(asked, init);
        expect(answer.status).toBe(201);
        told.push((await answer.json()) as Told);
      }
      return living.request(asked, init);
    },
  };
}

async function written(account: string, type: string): Promise<string[]> {
  const answer = await place.actors.command({ kind: 'account', name: account }, 'look', { do: 'events' });
  const { rows } = (answer as unknown as { value: { rows: { row: EventRow }[] } }).value;
  return rows.filter(({ row }) => row.type === type).map(({ row }) => row.subject);
}

const serialOf = (leaf: Uint8Array) => readIdentity(leaf)!.certificate.serial;
const serialsOf = (told: readonly Told[]) =>
  new Set(told.map(({ certificate }) => serialOf(new Uint8Array(Buffer.from(certificate[0] ?? '', 'base64url')))));

/** One certificate, intended before it was signed, and recorded; everybody who asked got it. */
async function expectOne(account: string, before: readonly string[], leaf: Uint8Array, death: Death, told: Told[]) {
  const serial = serialOf(leaf);
  const intended = await written(account, 'certificate.intended');
  expect(intended).toEqual([...before, serial]);
  expect(await written(account, 'certificate.issued')).toEqual([...before, serial]);
  expect(serialsOf(told)).toEqual(new Set([serial]));
  const { steps, signed } = death;
  const beforeSigning = steps.includes('sign') ? steps.slice(0, steps.indexOf('sign')) : ['intend'];
  expect(beforeSigning).toContain('intend');
  for (const body of signed) expect(Buffer.from(body).includes(Buffer.from(serial, 'hex'))).toBe(true);
}

const ENROLL = ['use', 'manifest', 'manifest', 'put', 'intend', 'sign', 'issued', 'register'];
const RENEW = ['use', 'intend', 'sign', 'issued', 'keep'];
const deaths = (steps: readonly string[]) =>
  steps.flatMap((name, after) => [
    { name: `before ${name} (${after + 1})`, after, done: false },
    { name: `after ${name} (${after + 1})`, after, done: true },
  ]);

describe('an enrollment whose process dies', () => {
  it.each(deaths(ENROLL))('$name gets its one certificate from a retry', async ({ after, done }) => {
    const death = await dying({ after, done });
    const told: Told[] = [];
    const config = mourner('/v1/enrollments', () => death, told);
    const { identity } = await enroll(config, developmentAttester(config.crypto));
    expect(death.died).toBe(true);
    expect(death.steps).toEqual(ENROLL.slice(0, after + (done ? 1 : 0)));
    await expectOne(identity.account, [], identity.chain[0]!, death, told);
  });

  it('takes no step but these', async () => {
    const death = await dying({ after: 99, done: false });
    const config = mourner('/v1/enrollments', () => death, []);
    await enroll(config, developmentAttester(config.crypto));
    expect(death.steps).toEqual(ENROLL);
  });
});

describe('a renewal whose process dies', () => {
  it.each(deaths(RENEW))('$name gets its one certificate from a retry', async ({ after, done }) => {
    const death = await dying({ after, done });
    const told: Told[] = [];
    const config = mourner('/v1/renewals', () => death, told);
    const { identity } = await enroll(config, developmentAttester(config.crypto));
    const renewed = await renewIdentity(config, identity);
    expect(death.steps).toEqual(RENEW.slice(0, after + (done ? 1 : 0)));
    await expectOne(identity.account, [serialOf(identity.chain[0]!)], renewed.chain[0]!, death, told);
  });
});
