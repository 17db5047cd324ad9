/**
 * Group calls against a server that lies to one of their devices, and against a member that lies to the others. Nobody outside the
 * roster that members signed gets a key, nobody in it is fooled about who is in it, and what is amiss has a name.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { base64url, fromBase64url } from '../../src/bytes/base64url.ts';
import { fromHex, hex } from '../../src/bytes/hex.ts';
import { accountBytes, deviceBytes } from '../../src/directory/account.ts';
import { nameOf } from '../../src/sdk/crypto/group/roster.ts';
import { signStatement, statementHash, type Statement } from '../../src/sdk/crypto/group/statement.ts';
import { decodeBatch, decodeProof, encodeBatch, encodeProof } from '../../src/sdk/crypto/group/wire.ts';
import type * as Siv from '../../src/sdk/crypto/siv.ts';
import { memoryStore, webCrypto } from '../../src/sdk/index.ts';
import { Cast, type Device, found, until, within } from './suite/cast.ts';
import {
  allHear,
  bring,
  groupOf,
  type Guest,
  idOf,
  keptKeys,
  openedWith,
  record,
  sealed,
  three,
  together,
} from './suite/groups.ts';
import { liar, type Lies, type Wire } from './suite/lies.ts';
import { type LogLiar, logLiar } from './suite/log-lies.ts';
import { deploy, type Deployment } from './suite/server.ts';

/** A member that wraps another key than it committed to, for one recipient. */
const equivocation = vi.hoisted(() => ({ next: false }));
vi.mock('../../src/sdk/crypto/siv.ts', async (load) => {
  const real = await load<typeof Siv>();
  const sivSeal: typeof real.sivSeal = (key, data, secret) => {
    const told = equivocation.next ? secret.map((byte) => byte ^ 1) : secret;
    equivocation.next = false;
    return real.sivSeal(key, data, told);
  };
  return { ...real, sivSeal };
});

const crypto = webCrypto();
let deployed: Deployment;
let cast: Cast;

beforeAll(async () => {
  deployed = await deploy();
});
afterAll(async () => {
  await deployed?.server.stop();
});
beforeEach(() => {
  const { server, deployment, root } = deployed;
  const own = { crypto: () => webCrypto(), store: async () => memoryStore() };
  cast = new Cast({ origin: server.url, deployment, root, ...own });
});
afterEach(() => {
  equivocation.next = false;
  cast.close();
});

const liedTo = async (who: { config: LogLiar['config'] }) => cast.person({ config: await cast.config(who.config) });
const honest = (real: readonly string[]): readonly string[] => real;

/** Alice calls Bob, who is lied to. */
async function pair(lies: { config: LogLiar['config'] }): Promise<{ alice: Guest; bob: Guest }> {
  const { device: alice } = await cast.person();
  const { device: bob, handle } = await liedTo(lies);
  const outgoing = alice.client.call(await found(alice, handle));
  const incoming = await bob.ring();
  incoming.accept();
  await within(Promise.all([outgoing.reaches('active'), incoming.reaches('active')]), 'both active');
  return { alice: { device: alice, call: outgoing }, bob: { device: bob, call: incoming } };
}

const callIdOf = (guest: Guest) => fromHex(guest.call.id)!;

/** What this device could sign in a call, with whatever in it. */
async function forged(device: Device, call: Guest, statement: Statement): Promise<string> {
  const { key, chain } = device.client.identity;
  const signed = await signStatement(key, callIdOf(call), statement);
  return base64url(encodeProof(callIdOf(call), { ...signed, certificates: statement.kind === 'join' ? chain : [] }));
}

const read = (guest: Guest, proof: string) => decodeProof(callIdOf(guest), fromBase64url(proof)!)!;

async function joinOf(device: Device, admission: Uint8Array<ArrayBuffer>): Promise<Statement> {
  const { account, device: id } = device.client.identity;
  const head = (await device.client.directory.head(account))!;
  return {
    kind: 'join',
    participant: crypto.random(16),
    account: accountBytes(account)!,
    device: deviceBytes(id)!,
    manifest: { version: head.version, hash: fromBase64url(head.hash)! },
    prekey: (await crypto.generateAgreementKey()).publicKey,
    admission,
  };
}

/** Names to whom the device has wrapped keys, over everything that it said. */
function recipients(said: readonly Wire[]): string[] {
  const batches = said.flatMap((verb) => (verb.verb === 'keys' ? [decodeBatch(fromBase64url(verb.body)!)!] : []));
  return [...new Set(batches.flatMap(({ entries }) => entries.map(({ recipient }) => hex(recipient))))].toSorted();
}

async function namesOf(...guests: readonly (Guest | Device)[]): Promise<string[]> {
  const devices = guests.map((guest) => ('call' in guest ? guest.device : guest));
  const names = devices.map(async ({ client }) => {
    const { account, device, key } = client.identity;
    return hex(await nameOf(crypto, accountBytes(account)!, deviceBytes(device)!, key.publicKey));
  });
  return (await Promise.all(names)).toSorted();
}

const alarmed = (alarms: readonly { what: string; reason: string }[], what: string, reason = '') =>
  until(() => alarms.some((alarm) => alarm.what === what && alarm.reason.includes(reason)), `alarm ${what} ${reason}`);

describe('who is in a group', () => {
  it('a ghost in the server’s own list gets no key', async () => {
    const mallory = await cast.person();
    const { account, device } = mallory.device.client.identity;
    const ghost = { participant: 99, account, device, since: 1 };
    const lies = logLiar(honest, {
      frame: (frame) => [frame.type === 'prepare' ? { ...frame, roster: [...frame.roster, ghost] } : frame],
    });
    const { alice, bob } = await pair(lies);
    const carol = await bring(cast, alice);
    await together(alice, bob, carol);
    await allHear(alice, bob, carol);
    expect(recipients(lies.said)).toEqual(await namesOf(alice, carol));
    expect(groupOf(bob).participants).toHaveLength(3);
  });

  it('an admission that no member signed lets nobody in', async () => {
    const { device: mallory } = await cast.person();
    const inserted: string[] = [];
    const lies = logLiar((real) => (real.length >= 3 ? [...real.slice(0, 3), ...inserted, ...real.slice(3)] : real));
    const { alice, bob } = await pair(lies);
    const alarms = record(bob, 'alarm');
    const account = accountBytes(mallory.account)!;
    const admit: Statement = {
      kind: 'admit',
      participant: crypto.random(16),
      account,
      rosterDigest: crypto.random(32),
      nonce: crypto.random(16),
    };
    const admission = await statementHash(crypto, callIdOf(bob), admit);
    inserted.push(await forged(mallory, bob, admit), await forged(mallory, bob, await joinOf(mallory, admission)));
    const carol = await bring(cast, alice);
    await together(alice, bob, carol);
    await alarmed(alarms, 'refused-proof', 'not-a-member');
    await alarmed(alarms, 'refused-proof', 'not-admitted');
    expect(recipients(lies.said)).toEqual(await namesOf(alice, carol));
    await allHear(alice, bob, carol);
  });

  it('a JOIN of another device on the admission of the one that was invited lets nobody in', async () => {
    const { device: mallory } = await cast.person();
    const inserted: string[] = [];
    const lies = logLiar((real) => (real.length >= 4 ? [...real.slice(0, 4), ...inserted, ...real.slice(4)] : real));
    const { alice, bob } = await pair(lies);
    const alarms = record(bob, 'alarm');
    // Whoever the founder let in first is Bob: a device of somebody else takes that admission.
    const admitted = new Promise<void>((resolve) => {
      groupOf(bob).on('joined', () => {
        if (inserted.length === 0 && lies.real[1] !== undefined)
          void statementHash(crypto, callIdOf(bob), read(bob, lies.real[1]).statement)
            .then(async (admission) => forged(mallory, bob, await joinOf(mallory, admission)))
            .then((proof) => {
              inserted.push(proof);
              resolve();
            });
      });
    });
    const carol = await bring(cast, alice);
    await within(admitted, 'the forgery');
    const dave = await bring(cast, carol);
    await alarmed(alarms, 'refused-proof', 'not-admitted');
    await together(alice, bob, carol, dave);
    await allHear(alice, bob, carol, dave);
    expect(recipients(lies.said)).not.toContain((await namesOf(mallory))[0]);
  });

  it('a JOIN of an earlier call counts for nothing in the next', async () => {
    const first = logLiar(honest);
    const { device: bob, handle } = await liedTo(first);
    const { device: alice } = await cast.person();
    const { device: carol, handle: carols } = await cast.person();
    const meet = async () => {
      const outgoing = alice.client.call(await found(alice, handle));
      const incoming = await bob.ring();
      incoming.accept();
      await within(outgoing.reaches('active'), 'active');
      return [
        { device: alice, call: outgoing },
        { device: bob, call: incoming },
      ] as const;
    };
    const [one] = await meet();
    await bring(cast, one, { device: carol, handle: carols });
    await until(() => first.real.length === 5, 'the log of the first call');
    const old = first.real.slice(0, 5);
    one.call.hangup();
    const carolEnded = carol.rings.at(-1)!;
    carolEnded.hangup();
    await within(carolEnded.next('ended'), 'the end');
    await until(() => bob.rings.every(({ phase }) => phase === 'ended'), 'the end for Bob');
    const [two, other] = await meet();
    const heard = record(other, 'alarm');
    for (const [at, proof] of old.entries())
      first.inject({ type: 'proof', call: two.call.id, rev: 1_000 + at, at: Date.now(), place: at, proof });
    await alarmed(heard, 'refused-proof', 'malformed');
    await alarmed(heard, 'broken');
    expect(groupOf(other).participants).toEqual([]);
    expect(other.call.phase).toBe('active');
  });

  it.each([
    ['without its last REMOVE', (real: readonly string[], gone: () => boolean) => (gone() ? real.slice(0, 5) : real)],
    [
      'with two entries in the other order',
      (real: readonly string[]) =>
        real.length >= 5 ? [...real.slice(0, 3), real[4]!, real[3]!, ...real.slice(5)] : real.slice(0, 3),
    ],
    [
      'with a byte of a JOIN changed',
      (real: readonly string[]) =>
        real.map((proof, at) => {
          if (at !== 4) return proof;
          const bytes = fromBase64url(proof)!;
          bytes[70]! ^= 1;
          return base64url(bytes);
        }),
    ],
  ])(
    'a log %s is noticed by both sides: who was fooled and who was not open nothing of each other',
    async (kind, forge) => {
      let gone = false;
      const lies = logLiar((real) => forge(real, () => gone));
      const { alice, bob } = await pair(lies);
      const [atBob, atAlice] = [record(bob, 'alarm'), record(alice, 'alarm')];
      const carol = await bring(cast, alice);
      if (kind.startsWith('without')) {
        await together(alice, bob, carol);
        gone = true;
        await groupOf(alice).remove({ id: idOf(carol) });
      }
      await Promise.all([alarmed(atBob, 'other-roster'), alarmed(atAlice, 'other-roster')]);
      const alarm = atBob.find(({ what }) => what === 'other-roster')!;
      expect(alarm.participant?.account).toBe(alice.device.account);
      const [, epoch] = alarm.reason.split(' ').map(Number);
      for (const [who, other] of [
        [alice, bob],
        [bob, alice],
      ] as const) {
        const keys = groupOf(who).frameKeys.receive.find(({ participant }) => participant === idOf(other))?.keys ?? [];
        expect(keys.filter(({ kid }) => kid === epoch)).toEqual([]);
      }
    },
  );

  it('a newcomer that is shown another founder, or not the admission of who invited it, does not stay', async () => {
    const { device: mallory } = await cast.person();
    const { device: alice } = await cast.person();
    const { device: bob, handle } = await cast.person();
    const outgoing = alice.client.call(await found(alice, handle));
    const incoming = await bob.ring();
    incoming.accept();
    await within(Promise.all([outgoing.reaches('active'), incoming.reaches('active')]), 'both active');
    const at = { device: alice, call: outgoing };
    const founding = await forged(mallory, at, await joinOf(mallory, new Uint8Array(32)));
    const lies = logLiar((real) => (real.length > 0 ? [founding, ...real.slice(1)] : real));
    const { device: carol, handle: carols } = await liedTo(lies);
    await within(groupOf(at).add(await found(alice, carols)), 'the invitation');
    const call = await carol.ring();
    const alarms = record({ device: carol, call }, 'alarm');
    call.accept();
    await within(call.next('ended'), 'the end');
    expect(alarms.map(({ what }) => what)).toContain('broken');
    expect(lies.said.map(({ verb }) => verb)).not.toContain('keys');
  });
});

describe('consent of a newcomer', () => {
  it('nothing is signed, joined or keyed before the user accepted, whatever the server says', async () => {
    const lies = logLiar(honest);
    const { alice, bob } = await pair(logLiar(honest));
    const { device: carol, handle } = await liedTo(lies);
    await within(groupOf(alice).add(await found(alice.device, handle)), 'the invitation');
    const call = await carol.ring();
    await until(() => groupOf(bob).member, 'Bob is in');
    const head = { call: call.id, at: Date.now() };
    const connectDeadline = Date.now() + 60_000;
    const real = (groupOf(bob), lies.heard.length);
    expect(real).toBeGreaterThan(0);
    for (const [n, frame] of [
      { type: 'grant', connectDeadline },
      { type: 'proof', place: 0, proof: 'AAAA' },
      { type: 'prepare', epoch: 1, proofs: 1, roster: [] },
      { type: 'keys', epoch: 1, from: 1, message: '1'.repeat(32), body: 'AAAA' },
      { type: 'activate', epoch: 1 },
      { type: 'dropped', until: connectDeadline },
    ].entries())
      lies.inject({ ...head, rev: 1_000 + n, ...frame });
    await carol.client.history();
    expect(call.phase).toBe('alerting');
    expect(lies.said.map(({ verb }) => verb).filter((verb) => verb !== 'ringing')).toEqual([]);
    call.decline();
    await within(call.next('ended'), 'declined');
  });

  it('an invitation whose kind the server changes rings nothing', async () => {
    const lies = liar({
      frame(frame) {
        if (frame.type !== 'invite') return [frame];
        const { group, ...rest } = frame;
        return [group ? rest : { ...rest, group: true }];
      },
    });
    const { alice } = await pair(liar());
    const { device: carol, handle } = await liedTo(lies);
    await within(groupOf(alice).add(await found(alice.device, handle)), 'the invitation');
    await until(() => carol.suspicions.some((one) => one.endsWith('unsupported')), 'dropped');
    const { device: dave } = await cast.person();
    dave.client.call(await found(dave, handle));
    await until(() => carol.suspicions.filter((one) => one.endsWith('unsupported')).length === 2, 'dropped');
    expect(carol.rings).toEqual([]);
  });
});

describe('keys of a group', () => {
  const swapped = (body: string): string => {
    const batch = decodeBatch(fromBase64url(body)!)!;
    const [one, two, ...rest] = batch.entries as [Wire, Wire, ...Wire[]];
    const entries = [{ ...one, wrapped: two.wrapped }, { ...two, wrapped: one.wrapped }, ...rest];
    return base64url(encodeBatch({ ...batch, entries }));
  };

  it('whose wraps were swapped between recipients do not open, and their sender is named', async () => {
    const lies: Lies = {
      frame: (frame) => [
        frame.type === 'keys' && decodeBatch(fromBase64url(frame.body)!)!.entries.length > 1
          ? { ...frame, body: swapped(frame.body) }
          : frame,
      ],
    };
    const { alice, bob } = await pair(liar(lies));
    const [alarms, missing] = [record(bob, 'alarm'), record(bob, 'missing')];
    const carol = await bring(cast, alice);
    await alarmed(alarms, 'refused-keys', 'unauthentic');
    await until(() => missing.length > 0, 'who is missing');
    expect(missing[0]!.participants.map(({ id }) => id).toSorted()).toEqual([idOf(alice), idOf(carol)].toSorted());
    const epoch = missing[0]!.epoch;
    expect(
      groupOf(bob)
        .frameKeys.receive.flatMap(({ keys }) => keys)
        .filter(({ kid }) => kid === epoch),
    ).toEqual([]);
  });

  it('that never come leave nobody in silence: who is missing has a name, is asked again, and is there when it answers', async () => {
    let held = true;
    const { alice, bob } = await pair(liar({ frame: (frame) => (frame.type === 'keys' && held ? [] : [frame]) }));
    const missing = record(bob, 'missing');
    const carol = await bring(cast, alice);
    await until(() => missing.length > 0, 'who is missing');
    expect(missing[0]!.participants.map(({ account }) => account).toSorted()).toEqual(
      [alice, carol].map(({ device }) => device.account).toSorted(),
    );
    held = false;
    await together(alice, bob, carol);
    await allHear(alice, bob, carol);
  });

  it('of an earlier epoch are not taken for those of the next, and no epoch comes back', async () => {
    const lies = logLiar(honest);
    const { alice, bob } = await pair(lies);
    const carol = await bring(cast, alice);
    await together(alice, bob, carol);
    const alarms = record(bob, 'alarm');
    const old = lies.heard.filter(({ type }) => type === 'keys');
    const [prepared, activated] = ['prepare', 'activate'].map((type) =>
      lies.heard.filter((frame) => frame.type === type),
    );
    const dave = await bring(cast, alice);
    await together(alice, bob, carol, dave);
    const said = lies.said.filter(({ verb }) => verb === 'keys').length;
    const before = keptKeys(bob).send;
    const { epoch } = groupOf(bob);
    for (const frame of old) {
      lies.inject({ ...frame, rev: frame.rev + 500, message: hex(crypto.random(16)), epoch });
      lies.inject({ ...frame, rev: frame.rev + 500 });
    }
    for (const frame of [...prepared!, ...activated!]) lies.inject({ ...frame, rev: frame.rev + 500 });
    await alarmed(alarms, 'refused-keys', 'wrong-epoch');
    await allHear(alice, bob, carol, dave);
    expect(lies.said.filter(({ verb }) => verb === 'keys')).toHaveLength(said);
    expect(groupOf(bob).epoch).toBe(epoch);
    expect(groupOf(bob).frameKeys.send).toEqual(before);
  });

  it('that a member made different for two others are refused where they are not what it committed to', async () => {
    const { alice, bob, carol } = await three(cast);
    const alarms = [bob, carol, alice].map((guest) => record(guest, 'alarm'));
    equivocation.next = true;
    await bring(cast, alice);
    await until(() => alarms.some((all) => all.some(({ reason }) => reason === 'equivocation')), 'equivocation');
    const told = alarms.flat().find(({ reason }) => reason === 'equivocation');
    expect(told).toMatchObject({ what: 'refused-keys', participant: { id: expect.any(String) as string } });
  });

  it('are not used two seconds after a removal that the server keeps to itself, and no epoch with the removed is', async () => {
    const lies = logLiar(honest, {
      verb: (verb) => (verb.verb === 'remove' ? { verb: 'alive', call: verb.call, attempt: 0 } : verb),
    });
    const { alice, bob } = await pair(logLiar(honest));
    const { device: carolsDevice, handle } = await liedTo(lies);
    const carol = await bring(cast, alice, { device: carolsDevice, handle });
    const dave = await bring(cast, carol);
    await together(alice, bob, carol, dave);
    const alarms = record(carol, 'alarm');
    const kept = keptKeys(dave);
    await groupOf(carol).remove({ id: idOf(dave) });
    await until(() => groupOf(carol).frameKeys.send === null, 'silence');
    expect(groupOf(alice).frameKeys.send).not.toBeNull();
    const erin = await bring(cast, alice);
    await alarmed(alarms, 'refused-epoch', 'older-roster');
    expect(groupOf(carol).frameKeys.send).toBeNull();
    expect(kept.receive.length).toBe(3);
    void erin;
  });

  it('are not used two seconds after a departure, though the server prepares nothing', async () => {
    let mute = false;
    const { alice, bob } = await pair(liar({ frame: (frame) => (frame.type === 'prepare' && mute ? [] : [frame]) }));
    const carol = await bring(cast, alice);
    await together(alice, bob, carol);
    mute = true;
    const [kept, from] = [keptKeys(carol), idOf(bob)];
    const under = await sealed(bob, 'with Carol');
    expect(await openedWith(carol.device, kept, from, under)).toBe('with Carol');
    groupOf(carol).leave();
    await until(() => groupOf(bob).frameKeys.send === null, 'silence');
    expect(groupOf(bob).participants).toHaveLength(2);
  });
});
