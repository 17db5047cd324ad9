/** What nobody gets by claiming that an account was recovered: of the server by an asker, of the SDK by a server that signs what it likes. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { base64url } from '../../src/bytes/base64url.ts';
import { draftRecovery, draftReset, draftVeto } from '../../src/directory/recovery/statement.ts';
import { RecoveryChain, type RecoveryState, type ResetClaims } from '../../src/protocol/recovery.ts';
import { webCrypto } from '../../src/sdk/crypto/webcrypto.ts';
import { recoverWithKey } from '../../src/sdk/join.ts';
import { newRecoveryKey, developmentAttester, type RecoveryChoice } from '../../src/sdk/index.ts';
import { readRecoveryText, recoveryKeyFrom } from '../../src/sdk/recovery-key.ts';
import { type Between, type Member, Members, rewriting } from '../support/members.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const crypto = webCrypto();
const random = () => base64url(crypto.random(16));
let members: Members;
beforeAll(async () => {
  members = await Members.open();
});
afterAll(() => members.close());

const now = () => members.place.simulator.now;
let people = 0;
type Terms = Omit<RecoveryChoice, 'handles'>;

/** Somebody with one handle, of a day and a half, and terms that are in force. */
async function somebody(terms: Terms = { policy: 'delay', delayHours: 48 }): Promise<Member & { address: string }> {
  const address = `reset${++people}@example.com`;
  const member = await members.member();
  await members.addHandle(member, address);
  await member.client.own.setRecovery({ ...terms, handles: [`mail1:${address}`] });
  await members.pass(36 * HOUR);
  return { ...member, address };
}

describe('the server gives nothing to', () => {
  const code = (address: string) => async () => members.inbox(`mail1:${address}`) ?? '';
  const ask = (who: Member, address: string) =>
    who.client.own.recoverHandles([{ handle: address, code: code(address) }]);
  async function aged(terms?: Terms): Promise<Member & { address: string }> {
    const one = await somebody(terms);
    for (let day = 0; day < 6; day += 2) {
      await members.pass(2 * DAY);
      await one.client.renew();
    }
    return one;
  }

  it('never: who asks an account that wants no recovery', async () => {
    const bob = await aged({ policy: 'never', delayHours: 1 });
    await expect(ask(await members.member(), bob.address)).rejects.toMatchObject({ reason: 'recovery-never' });
  });

  it('keyed: who asks without the recovery key', async () => {
    const bob = await aged({ policy: 'delay', delayHours: 1, key: await newRecoveryKey(crypto) });
    await expect(ask(await members.member(), bob.address)).rejects.toMatchObject({ reason: 'recovery-needs-key' });
  });

  it('vetoed: who was told no, and whoever asks in the thirty days after it', async () => {
    const bob = await aged();
    const thief = await members.member();
    const { recovery } = await ask(thief, bob.address);
    await bob.client.own.veto(recovery);
    for (const who of [thief, await members.member()])
      await expect(ask(who, bob.address)).rejects.toMatchObject({ reason: 'recovery-vetoed' });
  });

  it('own account: who holds the handles already', async () => {
    const bob = await aged();
    await expect(bob.client.own.recoveryOf([bob.address])).rejects.toMatchObject({ reason: 'recovery-handles' });
  });

  it('before the delay: who proves the handle once more a minute too early', async () => {
    const bob = await aged();
    const again = await members.member();
    await ask(again, bob.address);
    await members.pass(48 * HOUR - 60_000);
    expect(await again.client.own.recoveryOf([bob.address])).toMatchObject({ state: 'pending' });
    await expect(members.addHandle(again, bob.address)).rejects.toMatchObject({ reason: 'handle-held' });
    await members.pass(61_000);
    await members.addHandle(again, bob.address);
  });

  it('wrong key: who signs with another recovery key, for another deployment, or as nobody', async () => {
    const kept = await newRecoveryKey(crypto);
    const bob = await aged({ policy: 'never', delayHours: 1, key: kept });
    const config = members.config();
    const other = await newRecoveryKey(crypto);
    const lost = recoverWithKey(config, developmentAttester(crypto), { of: bob.address, text: other.text });
    await expect(lost).rejects.toMatchObject({ reason: 'recovery-refused' });
    const { key, jwk } = await recoveryKeyFrom(crypto, readRecoveryText(kept.text)!);
    const said = async (claims: object, sign = key) => {
      const base = { aud: config.origin, of: bob.address, ...jwk, iat: Math.floor(now() / 1_000) };
      const draft = draftRecovery({ ...base, ...claims });
      const body = { statement: draft.seal(await sign.sign(draft.input)) };
      return bob.client.api.ask(RecoveryChain, { method: 'POST', path: '/v1/recoveries/accounts', body });
    };
    expect(await said({})).toMatchObject({ account: bob.client.identity.account });
    for (const forged of [
      said({ aud: 'https://elsewhere.example' }),
      said({}, await crypto.generateSigningKey()),
      said({ of: 'nobody@example.com' }),
    ])
      await expect(forged).rejects.toMatchObject({ reason: 'recovery-refused', status: 422 });
  });

  it('replay: who repeats a statement of the recovery key after its five minutes, or a veto for another recovery', async () => {
    const kept = await newRecoveryKey(crypto);
    const bob = await aged({ policy: 'never', delayHours: 1, key: kept });
    const { key, jwk } = await recoveryKeyFrom(crypto, readRecoveryText(kept.text)!);
    const iat = Math.floor(now() / 1_000);
    const draft = draftRecovery({ aud: members.config().origin, of: bob.address, ...jwk, iat });
    const body = { statement: draft.seal(await key.sign(draft.input)) };
    const say = () => bob.client.api.ask(RecoveryChain, { method: 'POST', path: '/v1/recoveries/accounts', body });
    expect(await say()).toMatchObject({ account: bob.client.identity.account });
    await members.pass(6 * 60_000);
    await expect(say()).rejects.toMatchObject({ reason: 'recovery-refused' });

    const carol = await aged();
    const { recovery } = await ask(await members.member(), carol.address);
    const { account, device } = carol.client.identity;
    const older = draftVeto({ sub: account, recovery: random(), device, iat });
    const veto = older.seal(await carol.client.identity.key.sign(older.input));
    const path = `/v1/recoveries/${recovery}/veto`;
    const replayed = carol.client.api.ask(RecoveryChain, { method: 'POST', path, body: { veto } });
    await expect(replayed).rejects.toMatchObject({ reason: 'signature-invalid' });
    expect((await carol.client.own.recoveries())[0]).toMatchObject({ state: 'pending' });
  });
});

describe('the SDK does not believe', () => {
  interface Lie {
    readonly state?: RecoveryState;
    readonly claims?: Partial<ResetClaims>;
    readonly veto?: string | null;
    /** Signs in the place of the directory key. */
    readonly sign?: (input: Uint8Array<ArrayBuffer>) => Promise<Uint8Array>;
    readonly kid?: string;
  }

  /** What a server that has the directory's key can say of a recovery, and say in it what it likes. */
  async function told(from: string, to: string, { state = 'completed', claims = {}, veto = null, ...by }: Lie) {
    const { directory } = members.services.keys;
    const at = Math.floor(now() / 1_000);
    const said = {
      iss: members.config().origin,
      sub: from,
      to,
      recovery: random(),
      state,
      started_at: at - 50 * 3_600,
      due_at: at - 2 * 3_600,
      iat: at,
      ...claims,
    };
    const draft = draftReset(said, by.kid ?? directory.keyId);
    const statement = draft.seal(await (by.sign?.(draft.input) ?? directory.sign(draft.input)));
    return { recovery: said.recovery, state: said.state, statement, veto, dueAt: said.due_at * 1_000 };
  }

  /** Bob, whom alice has pinned, and where his handle leads since he gave it away: she is told `lies` about how. */
  async function moved(terms?: Terms, first?: (bob: Member) => Promise<Lie>) {
    const bob = await somebody(terms);
    let lies: object[] | null = null;
    const lying: Between = (path, init, pass) =>
      lies && path === '/v1/lookups'
        ? rewriting(/./, (answer: { results: object[] }) => ({
            ...answer,
            results: answer.results.map((one) => ({ ...one, recoveries: lies })),
          }))(path, init, pass)
        : pass();
    const alice = await members.member({ between: lying });
    const heir = await members.member();
    if (first) lies = [await told(bob.client.identity.account, heir.client.identity.account, await first(bob))];
    await alice.client.find(bob.address);
    await bob.client.releaseHandle(bob.address, heir.client.identity.account);
    await members.addHandle(heir, bob.address);
    const [from, to] = [bob.client.identity.account, heir.client.identity.account];
    const find = async (...given: readonly Lie[]) => {
      lies = await Promise.all(given.map((lie) => told(from, to, lie)));
      return alice.client.find(bob.address);
    };
    return { bob, heir, alice, from, to, find };
  }
  const refused = (reason: string) => ({ code: 'verification', reason });

  it('but a recovery that could be, as what it is: another person', async () => {
    const { from, to, find } = await moved();
    expect(await find({})).toMatchObject({ account: to, changedFrom: from, reset: true });
  });

  it.each<[string, Terms, string]>([
    ['never: of an account that wants none', { policy: 'never', delayHours: 1 }, 'reset-never'],
    ['keyed: of an account that has a recovery key', { policy: 'delay', delayHours: 1 }, 'reset-without-key'],
  ])('%s', async (_, terms, reason) => {
    const key = reason === 'reset-without-key' ? { key: await newRecoveryKey(crypto) } : {};
    const { find } = await moved({ ...terms, ...key });
    await expect(find({})).rejects.toMatchObject(refused(reason));
  });

  it('vetoed: one that it saw a device of the account veto, once it is said to have come about', async () => {
    const recovery = random();
    const { find } = await moved(undefined, async ({ client: { identity } }) => {
      const { account: sub, device, key } = identity;
      const draft = draftVeto({ sub, recovery, device, iat: Math.floor(now() / 1_000) });
      return { state: 'vetoed', claims: { recovery }, veto: draft.seal(await key.sign(draft.input)) };
    });
    await expect(find({ claims: { recovery } })).rejects.toMatchObject(refused('reset-vetoed'));
    expect(await find({})).toMatchObject({ reset: true });
  });

  it('own account: of the account that its own device is of', async () => {
    const { bob, heir, find } = await moved();
    await find({});
    const own = bob.config.store;
    await own.write([{ collection: 'pin', id: `mail1:${bob.address}`, value: bob.client.identity.account }]);
    await expect(bob.client.find(bob.address)).rejects.toMatchObject(refused('reset-of-own-account'));
    expect((await heir.client.find(bob.address))?.changedFrom).toBeNull();
  });

  it('before the delay: one that began less long ago than the account wants to be waited for', async () => {
    const { find } = await moved();
    await members.pass(3 * DAY);
    const started_at = Math.floor(now() / 1_000) - 47 * 3_600;
    await expect(find({ claims: { started_at } })).rejects.toMatchObject(refused('reset-too-soon'));
    expect(await find({ claims: { started_at: started_at - 3_600 } })).toMatchObject({ reset: true });
  });

  it('wrong key: one that the directory did not sign, or another deployment did', async () => {
    const { find } = await moved();
    const stranger = await crypto.generateSigningKey();
    await expect(find({ sign: (input) => stranger.sign(input) })).rejects.toMatchObject(
      refused('reset-signature-invalid'),
    );
    await expect(find({ kid: 'nobody' })).rejects.toMatchObject(refused('reset-unknown-key'));
    await expect(find({ claims: { iss: 'https://elsewhere.example' } })).rejects.toMatchObject(refused('reset-issuer'));
  });

  it('replay: one of another account, one by which a third got the handles, one that only waits', async () => {
    const { find, from, to } = await moved();
    const [other] = [await members.member()];
    const third = other.client.identity.account;
    for (const lie of [{ claims: { sub: third } }, { claims: { to: third } }, { state: 'pending' as const }])
      expect(await find(lie)).toMatchObject({ account: to, changedFrom: from, reset: false });
  });

  it('a veto that no device of the account signed, or that is about another account', async () => {
    const bob = await somebody();
    let lies: object[] | null = null;
    const alice = await members.member({
      between: (path, init, pass) =>
        lies && path === '/v1/lookups'
          ? rewriting(/./, (answer: { results: object[] }) => ({
              ...answer,
              results: answer.results.map((one) => ({ ...one, recoveries: lies })),
            }))(path, init, pass)
          : pass(),
    });
    const { account, device, key } = bob.client.identity;
    const stranger = await members.member();
    const find = async (claims: object, by = key) => {
      const recovery = random();
      const draft = draftVeto({ sub: account, recovery, device, iat: Math.floor(now() / 1_000), ...claims });
      const veto = draft.seal(await by.sign(draft.input));
      lies = [await told(account, stranger.client.identity.account, { state: 'vetoed', claims: { recovery }, veto })];
      await alice.client.find(bob.address);
      return alice.config.store.get('veto', recovery);
    };
    expect(await find({})).toEqual(expect.any(String));
    const theirs = stranger.client.identity;
    await expect(find({}, theirs.key)).rejects.toMatchObject(refused('veto-signature-invalid'));
    await expect(find({ device: theirs.device }, theirs.key)).rejects.toMatchObject(refused('veto-unknown-key'));
    await expect(find({ sub: theirs.account })).rejects.toMatchObject(refused('veto-account'));
  });
});
