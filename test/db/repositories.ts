import { beforeAll, describe, expect, it } from 'vitest';
import { Certificates } from '../../src/db/certificates.ts';
import { Challenges } from '../../src/db/challenges.ts';
import type { Database } from '../../src/db/database.ts';
import { events } from '../../src/db/events.ts';
import { Evidences } from '../../src/db/evidences.ts';
import { Handles } from '../../src/db/handles.ts';
import { RevocationLists } from '../../src/db/revocation-lists.ts';
import { Verifications } from '../../src/db/verifications.ts';
import { certificate, challengeUse, event, evidenceIndex, list, revocationList } from '../../src/db/schema.ts';

/** What the repositories promise over D1 and over everything in its shape. The migrations have been applied. */
export function repositories(host: string, open: () => Promise<Database>): void {
  describe(`the repositories on ${host}`, () => {
    let db: Database;
    beforeAll(async () => {
      db = await open();
    });

    const issued = (serial: string, device: string) =>
      db.insert(certificate).values({ serial, device, evidence: 'e', notAfter: 1, status: 'live', revision: 1 });
    const serialsOf = async (device: string) =>
      (await db.select().from(certificate)).filter((row) => row.device === device).map((row) => row.serial);
    const use = (nonce: string, request: string, expiresAt = 10_000) => ({ nonce, request, expiresAt });

    it('eight certificates asked for with one challenge: exactly one is written', async () => {
      const challenges = new Challenges(db);
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          challenges.consume(use('one-challenge', `request-${i}`), issued(`serial-${i}`, 'device-1')),
        ),
      );
      expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
      expect(outcomes.filter((outcome) => !outcome.ok && outcome.reason === 'challenge-used')).toHaveLength(7);
      expect(await serialsOf('device-1')).toEqual([`serial-${outcomes.findIndex(({ ok }) => ok)}`]);
    });

    it('the same request again is answered as the first time and writes nothing more', async () => {
      const challenges = new Challenges(db);
      expect(await challenges.consume(use('repeated', 'r1'), issued('repeated-1', 'device-2'))).toEqual({ ok: true });
      expect(await challenges.consume(use('repeated', 'r1'), issued('repeated-2', 'device-2'))).toEqual({ ok: true });
      expect(await serialsOf('device-2')).toEqual(['repeated-1']);
    });

    it('a challenge stays unused when a guard of what it was to allow aborts the batch', async () => {
      const challenges = new Challenges(db);
      await issued('doubled', 'device-3');
      expect(await challenges.consume(use('kept', 'r2'), issued('doubled', 'device-3'))).toEqual({
        ok: false,
        reason: 'held',
        by: { table: 'certificate', column: 'serial' },
      });
      expect(await challenges.consume(use('kept', 'r3'), issued('other', 'device-3'))).toEqual({ ok: true });
    });

    it('uses of expired challenges are swept, others stay', async () => {
      const challenges = new Challenges(db);
      await challenges.consume(use('old', 'r4', 4_999));
      await challenges.consume(use('young', 'r5', 5_000));
      await challenges.sweep(5_000);
      const left = (await db.select().from(challengeUse)).map((row) => row.nonce);
      expect(left).toContain('young');
      expect(left).not.toContain('old');
    });

    const proved = (handle: string, account: string, request: string, verifiedAt = 100) => ({
      handle,
      account,
      request,
      verifiedAt,
      method: 'inbox',
    });
    const WEEK = 7 * 86_400_000;
    const told = (id: string) => ({ id, at: 1, type: 'handle.claimed', severity: 'info' as const });
    const tellings = async (prefix: string) =>
      (await db.select().from(event)).map((row) => row.id).filter((id) => id.startsWith(prefix));

    it('one handle has one account, whoever asks at the same time, and a loser tells no event', async () => {
      const handles = new Handles(db);
      const outcomes = await Promise.all(
        Array.from({ length: 6 }, (_, i) =>
          handles.claim(proved('+4930111', `account-${i}`, `q${i}`), told(`race-${i}`), WEEK),
        ),
      );
      const winner = outcomes.findIndex(({ ok }) => ok);
      expect(outcomes.filter(({ ok }) => ok)).toHaveLength(1);
      const owners = await handles.ownersOf(['+4930111', '+4930999']);
      expect([...owners].map(([name, { account }]) => [name, account])).toEqual([['+4930111', `account-${winner}`]]);
      expect(await tellings('race-')).toEqual([`race-${winner}`]);
    });

    it('its holder may prove it again; the same request again tells nothing new; time never runs back', async () => {
      const handles = new Handles(db);
      const first = proved('a@example.org', 'holder', 'h1', 200);
      expect(await handles.claim(first, told('held-1'), WEEK)).toEqual({ ok: true });
      expect(await handles.claim(first, told('held-1'), WEEK)).toEqual({ ok: true });
      expect(await handles.claim({ ...first, request: 'h2', verifiedAt: 150 }, told('held-2'), WEEK)).toEqual({
        ok: true,
      });
      expect(await handles.ofAccount('holder')).toMatchObject([
        { handle: 'a@example.org', verifiedAt: 200, request: 'h2' },
      ]);
      expect(await tellings('held-')).toEqual(['held-1', 'held-2']);
    });

    const DAY = 86_400_000;
    const taken = { ok: false, reason: 'handle-taken' };
    /** A proof of `account`, so many days after the first one. */
    const proof = (handles: Handles, handle: string, account: string, days: number) =>
      handles.claim(
        proved(handle, account, `${handle}-${account}-${days}`, 1 + days * DAY),
        told(`${handle}-${account}-${days}`),
        WEEK,
      );

    it('a handle is given up only by its holder; it then leads nowhere, and for seven days it is nobody else’s', async () => {
      const handles = new Handles(db);
      const name = 'b@example.org';
      await proof(handles, name, 'one', 0);
      expect(await handles.release(name, 'two', 1, null)).toBe(false);
      expect(await proof(handles, name, 'two', 0)).toEqual(taken);
      expect(await handles.release(name, 'one', 1, null)).toBe(true);
      expect(await handles.release(name, 'one', 1, null)).toBe(false);
      expect([...(await handles.ownersOf([name])).keys()]).toEqual([]);
      expect(await proof(handles, name, 'two', 6.9)).toEqual(taken);
      expect(await proof(handles, name, 'two', 7)).toEqual({ ok: true });
      expect((await handles.ownersOf([name])).get(name)).toMatchObject({ account: 'two', verifiedAt: 1 + 7 * DAY });
    });

    it('who gave a handle up may have it back at once', async () => {
      const handles = new Handles(db);
      await proof(handles, 'c@example.org', 'one', 0);
      await handles.release('c@example.org', 'one', 1, null);
      expect(await proof(handles, 'c@example.org', 'one', 1)).toEqual({ ok: true });
      expect((await handles.ownersOf(['c@example.org'])).get('c@example.org')).toMatchObject({ account: 'one' });
    });

    it('a claim counts from its time on, for who made it and nobody else; a repeat does not put it off', async () => {
      const handles = new Handles(db);
      const name = 'd@example.org';
      await proof(handles, name, 'one', 0);
      await handles.contest(name, 'one', 'two', 7 * DAY);
      await handles.contest(name, 'one', 'two', 9 * DAY);
      expect(await handles.holding(name)).toMatchObject({ account: 'one', claimant: 'two', claimUntil: 7 * DAY });
      expect(await proof(handles, name, 'two', 6.9)).toEqual(taken);
      expect(await proof(handles, name, 'three', 8)).toEqual(taken);
      expect(await proof(handles, name, 'two', 8)).toEqual({ ok: true });
      expect(await handles.holding(name)).toMatchObject({ account: 'two', claimant: null, claimUntil: null });
    });

    it('a holder that proves its handle again ends the claim', async () => {
      const handles = new Handles(db);
      const name = 'e@example.org';
      await proof(handles, name, 'one', 0);
      await handles.contest(name, 'one', 'two', 7 * DAY);
      expect(await proof(handles, name, 'one', 3)).toEqual({ ok: true });
      expect(await proof(handles, name, 'two', 8)).toEqual(taken);
    });

    it('what is given to another account is that one’s with its first proof, and leads to the giver until then', async () => {
      const handles = new Handles(db);
      const name = 'f@example.org';
      await proof(handles, name, 'one', 0);
      expect(await handles.release(name, 'one', 1, 'two')).toBe(true);
      expect((await handles.ownersOf([name])).get(name)).toMatchObject({ account: 'one' });
      expect(await proof(handles, name, 'three', 0)).toEqual(taken);
      expect(await proof(handles, name, 'two', 0)).toEqual({ ok: true });
    });

    it('codes that were sent are counted per handle and over all', async () => {
      const verifications = new Verifications(db);
      for (const [handle, at] of [
        ['x', 10],
        ['x', 20],
        ['y', 30],
      ] as const)
        await verifications.countSent(handle, at);
      expect(await verifications.sentSince('x', 10)).toEqual({ handle: 1, all: 2 });
      expect(await verifications.sentSince('x', 0)).toEqual({ handle: 2, all: 3 });
      expect(await verifications.sentSince('z', 30)).toEqual({ handle: 0, all: 0 });
    });

    const serial = async (name: string) =>
      (await db.select().from(certificate)).find((row) => row.serial === name) ?? null;
    const statement = { account: 'a', device: 'd', notAfter: 99, issuer: null, reason: null };

    it.each([
      ['issued, then revoked', [0, 1]],
      ['revoked, then issued', [1, 0]],
    ])('the index holds status, end and evidence whatever comes first: %s', async (name, order) => {
      const told = [
        { ...statement, serial: name, status: 'active', statusAt: 5, evidence: 'e', issuer: '0a' },
        {
          ...statement,
          serial: name,
          status: 'revoked',
          statusAt: 5,
          evidence: null,
          issuer: null,
          reason: 'owner: lost',
        },
      ] as const;
      const certificates = new Certificates(db);
      for (const i of order) await certificates.index(told[i]!);
      expect(await serial(name)).toMatchObject({
        status: 'revoked',
        reason: 'owner: lost',
        evidence: 'e',
        notAfter: 99,
      });
      const revoked = async (endedAfter: number, issuer: string) =>
        (await certificates.revoked(endedAfter, issuer)).map((row) => row.serial);
      expect(await revoked(98, '0a')).toContain(name);
      expect(await revoked(99, '0a')).not.toContain(name);
      expect(await revoked(98, '0b')).not.toContain(name);
      await certificates.index({ ...told[1], serial: `${name}, of before issuers were told` });
      expect(await revoked(98, '0b')).toContain(`${name}, of before issuers were told`);
    });

    it('evidence goes when its time is over and nothing in force stands on it, with its index; certificates by their end', async () => {
      const [evidences, certificates] = [new Evidences(db), new Certificates(db)];
      const row = (hash: string, keepUntil: number) => ({
        hash,
        account: 'sweep',
        device: `of ${hash}`,
        format: 'tpm2',
        policy: 'p',
        verdict: '{}',
        posture: false,
        sealed: new Uint8Array([1]),
        at: 1_000,
        keepUntil,
      });
      const marks = { index: [{ kind: 'serial', value: 'swept' }], keys: [], endorsement: null };
      for (const [hash, until] of [
        ['old', 2_000],
        ['stands', 2_000],
        ['young', 8_000],
      ] as const)
        expect(await evidences.put(row(hash, until), marks)).toEqual({ ok: true });
      const issued = {
        account: 'sweep',
        device: 'of stands',
        issuer: null,
        reason: null,
        status: 'active',
        statusAt: 1,
      } as const;
      await certificates.index({ ...issued, serial: 'sweep-1', notAfter: 5_000, evidence: 'stands' });
      await evidences.sweep(3_000);
      const left = async () =>
        (await Promise.all(['old', 'stands', 'young'].map((hash) => evidences.get(hash)))).map((kept) => kept !== null);
      expect(await left()).toEqual([false, true, true]);
      const indexed = (await db.select().from(evidenceIndex)).filter(({ value }) => value === 'swept');
      expect(indexed.map((entry) => entry.evidence).toSorted()).toEqual(['stands', 'young']);
      await evidences.sweep(5_000);
      expect(await left()).toEqual([false, false, true]);
      await certificates.sweep(5_000);
      expect(await serial('sweep-1')).not.toBeNull();
      await certificates.sweep(5_001);
      expect(await serial('sweep-1')).toBeNull();
    });

    it('one number is one revocation list, and only lists that ended are forgotten', async () => {
      const lists = new RevocationLists(db);
      const row = { issuer: '0a', number: 1, body: new Uint8Array([1]), digest: 'x', nextUpdate: 10 };
      expect(await lists.latest('0a')).toBeNull();
      expect(await lists.put(row, 1)).toBe(true);
      expect(await lists.put({ ...row, digest: 'y' }, 1)).toBe(false);
      expect(await lists.put({ ...row, number: 2, nextUpdate: 20 }, 5)).toBe(true);
      expect(await lists.put({ ...row, number: 3, nextUpdate: 30 }, 15)).toBe(true);
      expect(await lists.latest('0a')).toMatchObject({ number: 3, digest: 'x' });
      expect((await db.select().from(revocationList)).map(({ number }) => number)).toEqual([2, 3]);
    });

    const judged = (hash: string, account: string, device: string, at = 1_000) => {
      const fixed = {
        format: 'tpm2',
        policy: 'p',
        verdict: '{}',
        sealed: new Uint8Array([1]),
        keepUntil: 9_000,
        posture: false,
      };
      return { ...fixed, hash, account, device, at };
    };
    const standing = (key: string, most: number, until = 2_000) => ({
      index: Array.from({ length: 70 }, (_, i) => ({ kind: 'serial', value: `${key}-${i}` })),
      keys: [],
      endorsement: { key, most, until },
    });

    it('as many devices as policy says stand on one endorsement key, whoever asks at the same time', async () => {
      const evidences = new Evidences(db);
      const outcomes = await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          evidences.put(judged(`cap-${i}`, `a${i}`, `cap-device-${i}`), standing('ek-1', 3)),
        ),
      );
      expect(outcomes.filter(({ ok }) => ok)).toHaveLength(3);
      expect(outcomes.filter((outcome) => !outcome.ok && outcome.held === 'evidence-cap')).toHaveLength(5);
      const refused = outcomes.findIndex(({ ok }) => !ok);
      expect(await evidences.get(`cap-${refused}`)).toBeNull();
      const rows = (await db.select().from(evidenceIndex)).filter(({ value }) => value.startsWith('ek-1-'));
      expect(rows).toHaveLength(3 * 70);
    });

    it('an endorsement key has room again when a device on it was revoked or its certificate ended; the same again takes none', async () => {
      const evidences = new Evidences(db);
      const first = [judged('room-1', 'a', 'room-device-1'), standing('ek-2', 1)] as const;
      expect(await evidences.put(...first)).toEqual({ ok: true });
      expect(await evidences.put(...first)).toEqual({ ok: true });
      const second = [judged('room-2', 'b', 'room-device-2'), standing('ek-2', 1, 5_000)] as const;
      expect(await evidences.put(...second)).toEqual({ ok: false, held: 'evidence-cap' });
      const revoked = {
        account: 'a',
        device: 'room-device-1',
        notAfter: 99,
        reason: null,
        evidence: null,
        issuer: null,
      };
      await new Certificates(db).index({ ...revoked, serial: 'room-1', status: 'revoked', statusAt: 5 });
      expect(await evidences.put(...second)).toEqual({ ok: true });
      const third = (at: number) => evidences.put(judged('room-3', 'c', 'room-device-3', at), standing('ek-2', 1));
      expect(await third(4_999)).toEqual({ ok: false, held: 'evidence-cap' });
      expect(await third(5_000)).toEqual({ ok: true });
    });

    it('a key belongs to one account for ever, and nothing of a second enrollment is kept', async () => {
      const evidences = new Evidences(db);
      const with_ = (...values: string[]) => ({
        index: [],
        endorsement: null,
        keys: values.map((value) => ({ kind: 'spki', value })),
      });
      expect(await evidences.put(judged('own-1', 'a', 'own-1'), with_('k1', 'k2'))).toEqual({ ok: true });
      expect(await evidences.put(judged('own-2', 'b', 'own-2'), with_('k3', 'k2'))).toEqual({
        ok: false,
        held: 'key-in-use',
      });
      expect(await evidences.get('own-2')).toBeNull();
      expect(await evidences.put(judged('own-3', 'b', 'own-3'), with_('k3'))).toEqual({ ok: true });
      expect(await evidences.put(judged('own-4', 'a', 'own-4'), with_('k1'))).toEqual({ ok: true });
    });

    it('bytes come back as bytes', async () => {
      const body = new Uint8Array([0, 1, 254, 255]);
      await db.insert(list).values({ name: 'fido-mds', version: 1, body, fetchedAt: 1 });
      expect((await db.select().from(list))[0]?.body).toEqual(body);
    });

    it('an event is told once', async () => {
      await db.batch([events.append(db, told('once')), events.append(db, told('once'))]);
      expect(await tellings('once')).toEqual(['once']);
    });
  });
}
