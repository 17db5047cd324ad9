import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { draftVeto } from '../../src/directory/recovery/statement.ts';
import { RecoveryView } from '../../src/protocol/recovery.ts';
import { developmentAttester, newRecoveryKey } from '../../src/sdk/index.ts';
import { webCrypto } from '../../src/sdk/crypto/webcrypto.ts';
import { recoverWithKey } from '../../src/sdk/join.ts';
import { readRecoveryText } from '../../src/sdk/recovery-key.ts';
import { type Member, Members } from '../support/members.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
let members: Members;
beforeAll(async () => {
  members = await Members.open();
});
afterAll(() => members.close());

let people = 0;
/** Somebody with a handle of a week and more, and terms that are in force. */
async function somebody(
  terms: { policy?: 'delay' | 'never'; delayHours?: number; named?: boolean } = {},
): Promise<Member & { address: string; handle: string }> {
  const address = `somebody${++people}@example.com`;
  const member = await members.member();
  await members.addHandle(member, address);
  const handle = `mail1:${address}`;
  const { policy = 'delay', delayHours = 48, named = true } = terms;
  await member.client.own.setRecovery({ policy, delayHours, handles: named ? [handle] : [] });
  await awhile();
  return { ...member, address, handle };
}

/** A week and a day; certificates of seven days are renewed in it. */
async function awhile(...who: readonly Member[]): Promise<void> {
  for (let day = 0; day < 8; day += 2) {
    await members.pass(2 * DAY);
    for (const { client } of who) await client.renew();
  }
}

const code = (address: string) => async () => members.inbox(`mail1:${address}`) ?? '';
const ask = (who: Member, ...addresses: readonly string[]) =>
  who.client.own.recoverHandles(addresses.map((address) => ({ handle: address, code: code(address) })));
/** What the operator heard of warnings of this account's recovery. */
const warned = async ({ client }: Member) =>
  (await members.place.db.events.of('account', client.identity.account)).filter(({ type }) =>
    ['recovery.warned', 'recovery.not-warned'].includes(type),
  );
const newsOf = ({ enrolled }: Member) =>
  members.place.simulator
    .rows<{ body: string }>(
      `SELECT body FROM device_row WHERE actor = ?1 AND body IS NOT NULL`,
      enrolled.identity.device,
    )
    .map(({ body }) => JSON.parse(body) as { type: string; state?: string });

describe('a recovery by handles', () => {
  it('waits for the account’s delay, warns its devices and handles, and then takes the handles over as a new person', async () => {
    const bob = await somebody();
    const alice = await members.member();
    const before = await alice.client.find(bob.address);
    const again = await members.member();
    const begun = await ask(again, bob.address);
    expect(begun).toMatchObject({ state: 'pending', veto: null });
    expect(begun.dueAt - members.place.simulator.now).toBeGreaterThan(47 * HOUR);
    expect(newsOf(bob)).toContainEqual(expect.objectContaining({ type: 'recovery', state: 'pending' }));
    await members.ship();
    expect(members.inbox(`warning:${bob.handle}`)).toBe(String(begun.dueAt));
    expect((await alice.client.find(bob.address))?.recovery).toMatchObject({ state: 'pending' });
    await expect(members.addHandle(again, bob.address)).rejects.toMatchObject({ reason: 'handle-held' });

    await members.pass(48 * HOUR + 1_000);
    expect(await again.client.own.recoveryOf([bob.address])).toMatchObject({ state: 'completed' });
    await members.addHandle(again, bob.address);
    const after = await alice.client.find(bob.address);
    expect(after).toMatchObject({ changedFrom: before?.account, account: again.client.identity.account, reset: true });
  });

  it('is ended by any device, for thirty days, and clients that saw the veto refuse the reset', async () => {
    const bob = await somebody();
    const alice = await members.member();
    await alice.client.find(bob.address);
    const thief = await members.member();
    const { recovery } = await ask(thief, bob.address);
    await bob.client.renew();
    const vetoed = await bob.client.own.veto(recovery);
    expect(vetoed).toMatchObject({ state: 'vetoed' });
    expect(await bob.client.own.veto(recovery)).toMatchObject({ veto: vetoed.veto });
    expect((await alice.client.find(bob.address))?.recovery).toMatchObject({ state: 'vetoed' });
    expect(await alice.config.store.get('veto', recovery)).toBe(vetoed.veto);
    await members.pass(49 * HOUR);
    await expect(members.addHandle(thief, bob.address)).rejects.toMatchObject({ reason: 'handle-held' });
    await expect(thief.client.own.recoveryOf([bob.address])).rejects.toMatchObject({ reason: 'recovery-vetoed' });
    expect((await alice.client.find(bob.address))?.account).toBe(bob.client.identity.account);
  });

  it('warns each handle until a provider took it; the operator hears at once of what failed, and the delay waits for nobody', async () => {
    const bob = await somebody();
    const own = members.warner;
    const tried: string[] = [];
    let outcome: 'sent' | 'failed' | 'off' = 'failed';
    members.warner = {
      warn: async ({ id, handle }) => {
        tried.push(`${id} ${handle}`);
        return outcome;
      },
    };
    try {
      const thief = await members.member();
      const begun = await ask(thief, bob.address);
      await members.ship();
      await members.ship();
      // The same message, later each time; not before its time, and not twice at once.
      expect(tried).toEqual([`${begun.recovery}.0 ${bob.handle}`]);
      for (const [minutes, tries] of [
        [1, 2],
        [2, 3],
        [4, 4],
      ] as const) {
        await members.pass(minutes * 60_000 + 1_000);
        expect(tried).toHaveLength(tries);
      }
      outcome = 'sent';
      await members.pass(2 * HOUR);
      expect(tried).toHaveLength(5);
      expect(new Set(tried).size).toBe(1);
      expect((await warned(bob)).map(({ reason }) => reason)).toEqual(['email: failed', 'email']);
      expect(await thief.client.own.recoveryOf([bob.address])).toMatchObject({ state: 'pending', dueAt: begun.dueAt });
      await members.pass(47 * HOUR);
      expect(await thief.client.own.recoveryOf([bob.address])).toMatchObject({ state: 'completed' });
      expect(await warned(bob)).toHaveLength(2);
    } finally {
      members.warner = own;
    }
  });

  it.each([
    ['nothing warns handles of that kind', 'off', ['email: off', 'email: too-late']],
    ['its provider never takes it', 'failed', ['email: failed', 'email: too-late']],
  ] as const)('tells the operator twice of a handle that nobody warned: %s', async (_, outcome, reasons) => {
    const bob = await somebody({ delayHours: 2 });
    const own = members.warner;
    members.warner = { warn: async () => outcome };
    try {
      await ask(await members.member(), bob.address);
      await members.pass(3 * HOUR);
      expect(await warned(bob)).toEqual(
        reasons.map((reason) => expect.objectContaining({ type: 'recovery.not-warned', severity: 'alarm', reason })),
      );
      const rows = members.place.simulator.rows(
        `SELECT 1 FROM account_warning WHERE actor = ?1`,
        bob.client.identity.account,
      );
      expect(rows).toEqual([]);
    } finally {
      members.warner = own;
    }
  });

  it('ends its warnings with a veto', async () => {
    const bob = await somebody();
    const tried: string[] = [];
    const own = members.warner;
    members.warner = {
      warn: async ({ handle }) => {
        tried.push(handle);
        return 'failed';
      },
    };
    try {
      const { recovery } = await ask(await members.member(), bob.address);
      await members.ship();
      await bob.client.renew();
      await bob.client.own.veto(recovery);
      await members.pass(5 * HOUR);
      expect(tried).toEqual([bob.handle]);
    } finally {
      members.warner = own;
    }
  });

  it('takes no veto but of the account’s own devices, about this very recovery', async () => {
    const bob = await somebody();
    const thief = await members.member();
    const { recovery } = await ask(thief, bob.address);
    await bob.client.renew();
    await expect(thief.client.own.veto(recovery)).rejects.toMatchObject({ reason: 'unknown-recovery' });
    const { account, device } = bob.client.identity;
    const forged = async (claims: Parameters<typeof draftVeto>[0], by: Member) => {
      const draft = draftVeto(claims);
      const veto = draft.seal(await by.client.identity.key.sign(draft.input));
      return bob.client.api.ask(RecoveryView, {
        method: 'POST',
        path: `/v1/recoveries/${recovery}/veto`,
        body: { veto },
      });
    };
    const claims = { sub: account, recovery, device, iat: 0 };
    for (const [spoilt, by] of [
      [claims, thief],
      [{ ...claims, recovery: 'A'.repeat(22) }, bob],
      [{ ...claims, sub: thief.client.identity.account }, bob],
      [{ ...claims, device: thief.client.identity.device }, thief],
    ] as const)
      await expect(forged(spoilt, by)).rejects.toMatchObject({ reason: 'signature-invalid' });
    expect((await bob.client.own.recoveries())[0]).toMatchObject({ state: 'pending' });
  });

  it.each([
    ['an account that wants none', { policy: 'never' as const }, 'recovery-never'],
    ['an account that names no handles', { named: false }, 'recovery-handles'],
  ])('%s is not recovered', async (_, terms, reason) => {
    const bob = await somebody(terms);
    await expect(ask(await members.member(), bob.address)).rejects.toMatchObject({ reason });
  });

  it('a handle of less than a week, and one that was not proved, do not count; a second asker waits', async () => {
    const young = await members.member();
    await members.addHandle(young, 'young@example.com');
    await young.client.own.setRecovery({ policy: 'delay', delayHours: 1, handles: ['mail1:young@example.com'] });
    await members.pass(30 * HOUR);
    await expect(ask(await members.member(), 'young@example.com')).rejects.toMatchObject({
      reason: 'recovery-handles',
    });
    const bob = await somebody();
    const other = await members.member();
    await expect(other.client.own.recoveryOf([bob.address])).rejects.toMatchObject({ reason: 'recovery-handles' });
    await ask(other, bob.address);
    await expect(ask(await members.member(), bob.address)).rejects.toMatchObject({ reason: 'recovery-pending' });
  });
});

describe('a recovery key', () => {
  it('written down and read again adds a device to the same account at once, and verification stands, marked', async () => {
    const bob = await members.member();
    await members.addHandle(bob, 'keyed@example.com');
    const kept = await newRecoveryKey(webCrypto());
    await bob.client.own.setRecovery({ policy: 'never', delayHours: 24, key: kept });
    await members.pass(25 * HOUR);
    const alice = await members.member();
    const peer = await alice.client.find('keyed@example.com');
    await alice.client.contacts.verify(peer!);

    const config = members.config();
    const text = kept.text.toLowerCase().replaceAll('-', ' ');
    const found = await recoverWithKey(config, developmentAttester(config.crypto), { of: 'keyed@example.com', text });
    expect(found.identity.account).toBe(bob.client.identity.account);
    expect(found.head.manifest.devices).toHaveLength(2);
    expect(newsOf(bob)).toContainEqual(expect.objectContaining({ type: 'manifest', by: 'recovery-key' }));
    const seen = await alice.client.find('keyed@example.com');
    expect(seen).toMatchObject({ account: peer?.account, changedFrom: null });
    expect(await alice.client.contacts.standing(seen!)).toEqual({ verified: true, recovered: true, resets: 0 });

    const third = members.config();
    await expect(
      recoverWithKey(third, developmentAttester(third.crypto), { of: bob.client.identity.account, text }),
    ).rejects.toMatchObject({ reason: 'recovery-key-too-soon' });
  });

  it('that is another one, or of nobody, is told nothing; an account with a key is not recovered without it', async () => {
    const bob = await members.member();
    await members.addHandle(bob, 'locked@example.com');
    const [kept, other] = [await newRecoveryKey(webCrypto()), await newRecoveryKey(webCrypto())];
    await bob.client.own.setRecovery({
      policy: 'delay',
      delayHours: 1,
      key: kept,
      handles: ['mail1:locked@example.com'],
    });
    await awhile();
    for (const of of ['locked@example.com', 'nobody@example.com', bob.client.identity.account]) {
      const config = members.config();
      const tried = recoverWithKey(config, developmentAttester(config.crypto), { of, text: other.text });
      await expect(tried).rejects.toMatchObject({ reason: 'recovery-refused', status: 422 });
    }
    await expect(ask(await members.member(), 'locked@example.com')).rejects.toMatchObject({
      reason: 'recovery-needs-key',
    });
  });

  it('copied wrong is not read', async () => {
    const { text } = await newRecoveryKey(webCrypto());
    expect(text).toMatch(/^([a-z2-7]{4}-){13}[a-z2-7]{4}$/);
    expect(readRecoveryText(text)).toHaveLength(32);
    for (let i = 0; i < text.length; i += 5) {
      const spoilt = `${text.slice(0, i)}${text[i] === 'b' ? 'c' : 'b'}${text.slice(i + 1)}`;
      expect(readRecoveryText(spoilt)).toBeNull();
    }
    for (const none of ['', 'a', text.slice(5), `${text}-aaaa`]) expect(readRecoveryText(none)).toBeNull();
  });
});
