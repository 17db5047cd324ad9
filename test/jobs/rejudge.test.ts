import { beforeEach, describe, expect, it } from 'vitest';
import type { Actors, Json } from '../../src/actors/port.ts';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import { keptOf } from '../../src/attestation/stored/record.ts';
import { sealCase } from '../../src/attestation/stored/seal.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import type { Repositories } from '../../src/db/repositories.ts';
import { acceptList } from '../../src/jobs/lists/accept.ts';
import { TrustInForce } from '../../src/jobs/lists/in-force.ts';
import { brake, rejudge, type Rejudge, TAIL_MS } from '../../src/jobs/rejudge.ts';
import { hardwareFields } from '../attestation/support/android.ts';
import { fields, freshList, leaf, remote, trust } from '../attestation/support/android-chain.ts';
import * as ca from '../attestation/support/ca.ts';
import { makeChain } from '../attestation/support/chain.ts';
import { int } from '../attestation/support/der.ts';
import { openDatabase } from './database.ts';
import { statusList } from './mds.ts';

const { android } = policies.standard;
const standard: Policy = { ...policies.standard, android: { ...android, applications: 'any' } };

const DAY = 86_400_000;
const HOUR = 3_600_000;
const REVOKED = { status: 'REVOKED', reason: 'KEY_COMPROMISE' };
const secrets = { evidence: new Uint8Array(32).fill(1), hardware: new Uint8Array(32).fill(2) };
const base = trust(null);

/** A phone whose batch certificate has a serial of its own. */
async function phone(i: number, patchLevel = 202_512) {
  const description = { hardware: { ...hardwareFields, 706: int(patchLevel) } };
  const links = remote(leaf(description)).map((link, at) => (at === 3 ? { ...link, serial: 0xab_cd_00 + i } : link));
  const chain = await makeChain(links);
  const identityKey = chain.certificates[0]!.spki;
  const transcript = new Uint8Array(32).fill(9);
  const expected = { transcript, identityKey, now: ca.TEST_NOW, rpId: 'calls.example', origins: [] };
  return { evidence: fields(chain), expected };
}
const serialOf = (i: number) => (0xab_cd_00 + i).toString(16);
const phones = await Promise.all(Array.from({ length: 60 }, (_, i) => phone(i)));

let db: Repositories;
let now = ca.TEST_NOW;
let told: { account: string; body: Json }[] = [];
let ground: Rejudge;
let answers = true;

beforeEach(async () => {
  db = openDatabase();
  now = ca.TEST_NOW + DAY;
  told = [];
  answers = true;
  const actors = {
    async command({ name }: { name: string }, _key: string, body: Json) {
      if (!answers) return { ok: false, reason: 'unavailable' };
      told.push({ account: name, body });
      return { ok: true, value: { ok: true } };
    },
  } as unknown as Actors;
  ground = with_(standard, actors);
});

function with_(policy: Policy, actors = ground.actors): Rejudge {
  return { db, actors, trust: new TrustInForce(base, db.lists, () => now), policy, secrets };
}

/** Phone i is the device `d<i>` of account `a<i>`, or of the account given. */
async function enrolled(i: number, made = phones[i]!, account = `a${i}`, at = ca.TEST_NOW) {
  const verdict = await verifyEvidence(made.evidence, made.expected, trust(freshList()), standard);
  const kept = keptOf(verdict, new Uint8Array([i]), base, secrets.hardware);
  const [hash, device] = [`e${i}`.padEnd(43, '_'), `d${i}`];
  const sealed = await sealCase(secrets.evidence, hash, made, new Uint8Array(12));
  const row = { hash, account, device, format: verdict.format, policy: verdict.policy, sealed, at };
  const stored = { ...row, verdict: JSON.stringify(kept.verdict), keepUntil: now + 30 * DAY, posture: false };
  expect(await db.evidence.put(stored, { index: kept.index, keys: [], endorsement: null })).toEqual({ ok: true });
  const certificate = { serial: `s${i}`, account, device, status: 'active', statusAt: 1, reason: null } as const;
  await db.certificates.index({ ...certificate, notAfter: now + 7 * DAY, evidence: hash, issuer: null });
  return hash;
}

async function listed(...phonesListed: number[]) {
  const entries = Object.fromEntries(phonesListed.map((i) => [serialOf(i), REVOKED]));
  expect(
    await acceptList(db, base, { name: 'android-status', bytes: statusList(entries), fetchedAt: now, now }),
  ).toMatchObject({ ok: true });
}
const revoked = () => told.map(({ body }) => (body as { device: string }).device).toSorted();
const runs = async (kind: string) => (await db.rejudging.runs()).filter((run) => run.kind === kind);
const events = async (type: string) => (await db.events.after(0, [type], 100)).map(({ row }) => row);

describe('a list that condemns', () => {
  it('revokes exactly the device whose chain it names, with the reason, and ends its renewals', async () => {
    const hashes = [await enrolled(0), await enrolled(1), await enrolled(2)];
    await listed();
    await rejudge(ground, now);
    expect(told).toEqual([]);
    now += HOUR;
    await listed(1);
    await rejudge(ground, now);
    expect(told).toEqual([
      {
        account: 'a1',
        body: expect.objectContaining({ do: 'revoke', device: 'd1', reason: 'revoked-by-list', by: 'condemned' }),
      },
    ]);
    const decisions = await Promise.all(hashes.map(async (hash) => JSON.parse((await db.evidence.get(hash))!.verdict)));
    expect(decisions.map(({ decision }) => decision)).toEqual(['accept', 'refuse', 'accept']);
    await rejudge(ground, now);
    expect(told).toHaveLength(1);
    expect((await runs('android-status')).at(-1)?.state).toBe('open');
    await rejudge(ground, now + TAIL_MS);
    expect((await runs('android-status')).at(-1)).toMatchObject({ state: 'done', judged: 1 });
    expect((await events('rejudge.done')).map(({ reason }) => reason)).toContain('1 judged, 1 revoked, 0 unclear');
  });

  it('finds what was accepted by the list before, while the run was under way', async () => {
    await listed(1);
    await rejudge(ground, now);
    await enrolled(1, phones[1], 'a1', now + 50_000);
    await rejudge(ground, now + TAIL_MS);
    expect(revoked()).toEqual(['d1']);
  });

  it('goes on after a visit that broke off, and revokes nobody twice', async () => {
    for (const i of [0, 1, 2]) await enrolled(i);
    await listed(0, 2);
    answers = false;
    await expect(rejudge(ground, now)).rejects.toThrow('unavailable');
    answers = true;
    await rejudge(ground, now);
    await rejudge(ground, now + TAIL_MS);
    expect(revoked()).toEqual(['d0', 'd2']);
  });

  it('says nothing about a device that stands on newer evidence, or is out of service', async () => {
    await enrolled(0);
    await enrolled(1);
    const newer = await phone(30);
    const row = (await db.evidence.get('e0'.padEnd(43, '_')))!;
    const sealed = await sealCase(secrets.evidence, 'newer', newer, new Uint8Array(12));
    await db.evidence.put({ ...row, hash: 'newer', sealed, at: row.at + 1 });
    const out = { serial: 's1', account: 'a1', device: 'd1', status: 'revoked', statusAt: 9, reason: null } as const;
    await db.certificates.index({ ...out, notAfter: now + DAY, evidence: null, issuer: null });
    await listed(0, 1);
    await rejudge(ground, now);
    expect(told).toEqual([]);
  });

  it('a stale list, and evidence that cannot be opened, revoke nobody and are counted', async () => {
    await enrolled(0);
    const row = (await db.evidence.get('e0'.padEnd(43, '_')))!;
    await db.evidence.put({ ...row, hash: 'broken', device: 'other', sealed: new Uint8Array([1, 2]), at: row.at + 1 });
    await rejudge(ground, now);
    expect(told).toEqual([]);
    expect(await runs('policy')).toMatchObject([{ judged: 2, unclear: 2, state: 'open' }]);
  });
});

describe('the brake', () => {
  async function half(): Promise<void> {
    for (let i = 0; i < 60; i++) await enrolled(i, phones[i], i % 2 === 0 ? `a${i}` : `a${i - 1}`);
    await listed(...Array.from({ length: 30 }, (_, i) => 2 * i));
    await rejudge(ground, now);
  }
  const held = async () => (await brake.show(ground, (await runs('android-status')).at(-1)!.id))!;

  it('holds a list that condemns every second device, refuses new enrollments on it, and releases it', async () => {
    await half();
    expect(told).toEqual([]);
    const { run, findings } = await held();
    expect(run.state).toBe('held');
    expect(findings).toHaveLength(30);
    expect((await events('rejudge.held')).map(({ severity, reason }) => [severity, reason])).toEqual([
      ['alarm', '30 of 60 devices'],
    ]);
    const again = await verifyEvidence(
      phones[0]!.evidence,
      { ...phones[0]!.expected, listsAt: now },
      await ground.trust.reload(),
      standard,
    );
    expect(again).toMatchObject({ decision: 'refuse', reason: 'revoked-by-list' });
    await rejudge(ground, now + TAIL_MS);
    expect(told).toEqual([]);
    expect(await brake.release(ground, run, now)).toBe(true);
    await rejudge(ground, now + TAIL_MS);
    expect(revoked()).toEqual(Array.from({ length: 30 }, (_, i) => `d${2 * i}`).toSorted());
    expect((await held()).run.state).toBe('done');
    expect(await brake.release(ground, run, now)).toBe(false);
  });

  it('narrowed, it spares what the operator names and judges the rest again', async () => {
    await half();
    const { run, findings } = await held();
    const spared = findings.slice(0, 20).map(({ device }) => device);
    expect(await brake.narrow(ground, run, spared, now)).toBe(true);
    await rejudge(ground, now);
    expect(told).toHaveLength(10);
    expect(revoked().filter((device) => spared.includes(device))).toEqual([]);
  });

  it('discarded, it revokes nobody, and the next list does not find the same again', async () => {
    await half();
    expect(await brake.discard(ground, (await held()).run, now)).toBe(true);
    await rejudge(ground, now);
    now += HOUR;
    await listed(...Array.from({ length: 30 }, (_, i) => 2 * i), 1);
    await rejudge(ground, now);
    expect(revoked()).toEqual(['d1']);
  });

  it('holds when it would take the last device of more than ten accounts', async () => {
    for (let i = 0; i < 11; i++) await enrolled(i);
    await listed(...Array.from({ length: 11 }, (_, i) => i));
    await rejudge(ground, now);
    expect((await held()).run.state).toBe('held');
    expect(told).toEqual([]);
  });

  it('does not hold for ten', async () => {
    for (let i = 0; i < 10; i++) await enrolled(i);
    await listed(...Array.from({ length: 10 }, (_, i) => i));
    await rejudge(ground, now);
    expect(told).toHaveLength(10);
  });
});

it('a raised patch-level floor finds exactly the devices below it, once', async () => {
  const levels = [202_506, 202_508, 202_509, 202_512];
  for (const [i, level] of levels.entries()) await enrolled(i, await phone(i, level));
  await listed();
  await rejudge(ground, now);
  expect(told).toEqual([]);
  const raised: Policy = {
    ...standard,
    version: 'standard-2',
    android: { ...standard.android, minimumPatchLevel: 202_509 },
  };
  await rejudge(with_(raised), now);
  await rejudge(with_(raised), now);
  expect(revoked()).toEqual(['d0', 'd1']);
  expect(told.map(({ body }) => (body as { reason: string }).reason)).toEqual(['patch-level', 'patch-level']);
  expect((await runs('policy')).map(({ version, state }) => [version, state])).toEqual([
    ['standard-1', 'superseded'],
    ['standard-2', 'open'],
  ]);
});
