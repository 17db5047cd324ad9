import fc from 'fast-check';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { fromHex, hex } from '../../src/bytes/hex.ts';
import { concat } from '../../src/bytes/join.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import { createKeyring, ERASE_AFTER_MS, STOP_AFTER_MS } from '../../src/sdk/crypto/group/keyring.ts';
import type { Epoch, KeyMessage } from '../../src/sdk/crypto/group/keys.ts';
import { groupSFrameKey, messageFor, openKeys, sealKeys } from '../../src/sdk/crypto/group/keys.ts';
import type { Member, Roster } from '../../src/sdk/crypto/group/roster.ts';
import {
  applyStatement,
  epochHash,
  NO_ADMISSION,
  rotatePrekey,
  startRoster,
} from '../../src/sdk/crypto/group/roster.ts';
import type { Join, Statement } from '../../src/sdk/crypto/group/statement.ts';
import { signStatement, statementHash } from '../../src/sdk/crypto/group/statement.ts';
import {
  decodeBatch,
  decodeProof,
  decodeStatement,
  encodeBatch,
  encodeProof,
  encodeStatement,
} from '../../src/sdk/crypto/group/wire.ts';
import { pad, unpad } from '../../src/sdk/crypto/body.ts';
import { decodeAnswer, decodeInvite } from '../../src/sdk/crypto/header.ts';
import { decodeStun } from '../../src/sdk/crypto/stun.ts';
import { nobleCrypto } from '../../src/sdk/crypto/noble.ts';
import type { AgreementKey, Bytes, SigningKey } from '../../src/sdk/crypto/provider.ts';
import type * as Siv from '../../src/sdk/crypto/siv.ts';
import { webCrypto } from '../../src/sdk/crypto/webcrypto.ts';
import { sframeReceiver, sframeSender } from '../../src/sdk/media/sframe.ts';
import { good } from './people.ts';

/** Makes the next key that is wrapped another one than was committed to. */
const lie = vi.hoisted(() => ({ next: false }));
vi.mock('../../src/sdk/crypto/siv.ts', async (load) => {
  const real = await load<typeof Siv>();
  const sivSeal: typeof real.sivSeal = (key, data, secret) => {
    const told = lie.next ? secret.map((byte) => byte ^ 1) : secret;
    lie.next = false;
    return real.sivSeal(key, data, told);
  };
  return { ...real, sivSeal };
});

const crypto = webCrypto();
const no = (reason: string) => ({ ok: false, reason });
const flip = (bytes: Bytes, at: number): Bytes => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

interface Person {
  account: Bytes;
  device: Bytes;
  participant: Bytes;
  identity: SigningKey;
  prekeys: Map<number, AgreementKey>;
}

async function person(): Promise<Person> {
  const prekeys = new Map([[0, await crypto.generateAgreementKey()]]);
  const identity = await crypto.generateSigningKey();
  return { account: crypto.random(32), device: crypto.random(16), participant: crypto.random(16), identity, prekeys };
}

const callId = crypto.random(16);
let people: Person[];
let ada: Person;
let ben: Person;
let cas: Person;
let dot: Person;
beforeEach(async () => {
  people = await Promise.all([person(), person(), person(), person()]);
  [ada, ben, cas, dot] = people as [Person, Person, Person, Person];
});

/** Honest verification of a JOIN: the manifest has that device with that key. */
async function judge({ account, device }: Join) {
  const known = people.find((who) => hex(who.account) === hex(account) && hex(who.device) === hex(device));
  return known
    ? { ok: true as const, identityKey: known.identity.publicKey }
    : { ok: false as const, reason: 'not-in-manifest' as const };
}

const joinOf = (who: Person, admission: Bytes): Join => ({
  kind: 'join',
  participant: who.participant,
  account: who.account,
  device: who.device,
  manifest: { version: 1, hash: new Uint8Array(32) },
  prekey: who.prekeys.get(0)!.publicKey,
  admission,
});

async function apply(roster: Roster, who: Person, statement: Statement) {
  return applyStatement(crypto, roster, await signStatement(who.identity, callId, statement), judge);
}

async function begin(creator: Person): Promise<Roster> {
  const statement = joinOf(creator, NO_ADMISSION);
  const { signature } = await signStatement(creator.identity, callId, statement);
  return good(await startRoster(crypto, callId, { statement, signature }, judge)).roster;
}

async function admit(roster: Roster, by: Person, account: Bytes): Promise<{ roster: Roster; admission: Bytes }> {
  const { participant } = by;
  const statement = {
    kind: 'admit' as const,
    participant,
    account,
    rosterDigest: roster.digest,
    nonce: crypto.random(16),
  };
  const admitted = good(await apply(roster, by, statement)).roster;
  return { roster: admitted, admission: await statementHash(crypto, callId, statement) };
}

async function enter(roster: Roster, by: Person, who: Person): Promise<Roster> {
  const { roster: admitted, admission } = await admit(roster, by, who.account);
  return good(await apply(admitted, who, joinOf(who, admission))).roster;
}

const threesome = async (): Promise<Roster> => enter(await enter(await begin(ada), ada, ben), ben, cas);
const at = async (epoch: number, roster: Roster): Promise<Epoch> => ({
  epoch,
  roster,
  hash: await epochHash(crypto, roster, epoch),
});
const entry = (roster: Roster, who: Person): Member => roster.members.get(hex(who.participant))!;

/** A batch of one member, by recipient. */
async function keysFrom(view: Epoch, who: Person) {
  const next = await crypto.generateAgreementKey();
  const self = entry(view.roster, who);
  const number = self.prekeyNumber + 1;
  const { secret, batch } = await sealKeys(crypto, view, self, who.identity, { prekey: next.publicKey, number });
  const all = await Promise.all(batch.entries.map(({ recipient }) => messageFor(crypto, batch, recipient)));
  const messages = all.map((message) => message!);
  const to = (other: Person): KeyMessage =>
    messages.find(({ entry: own }) => hex(own.recipient) === hex(entry(view.roster, other).name))!;
  return { secret, batch, messages, to, next };
}

const openAs = (view: Epoch, who: Person, message: KeyMessage) =>
  openKeys(crypto, view, { name: entry(view.roster, who).name, prekeys: who.prekeys }, message);

describe('the roster', () => {
  it('is the creator and whoever a member admitted and entered', async () => {
    const roster = await threesome();
    expect([...roster.members.keys()].toSorted()).toEqual(
      [ada, ben, cas].map(({ participant }) => hex(participant)).toSorted(),
    );
    const again = await applyStatement(
      nobleCrypto(),
      roster,
      await signStatement(cas.identity, callId, { kind: 'leave', participant: cas.participant }),
      judge,
    );
    expect(good(again).roster.members.size).toBe(2);
  });

  it('takes nobody in on the word of a stranger or the server', async () => {
    const roster = await begin(ada);
    expect(await apply(roster, ben, joinOf(ben, crypto.random(32)))).toEqual(no('not-admitted'));
    expect(await apply(roster, ben, joinOf(ben, NO_ADMISSION))).toEqual(no('not-admitted'));
    const byStranger = {
      kind: 'admit' as const,
      participant: ben.participant,
      account: ben.account,
      rosterDigest: roster.digest,
      nonce: crypto.random(16),
    };
    expect(await apply(roster, ben, byStranger)).toEqual(no('not-a-member'));
    expect(await apply(roster, ben, { ...byStranger, participant: ada.participant })).toEqual(no('unauthentic'));
  });

  it('lets in the account that was admitted, not another, and only a device its manifest has', async () => {
    const { roster, admission } = await admit(await begin(ada), ada, ben.account);
    expect(await apply(roster, cas, joinOf(cas, admission))).toEqual(no('not-admitted'));
    const posing = { ...joinOf(cas, admission), account: ben.account };
    expect(await apply(roster, cas, posing)).toEqual(no('not-in-manifest'));
    const stolen = { ...joinOf(ben, admission), prekey: cas.prekeys.get(0)!.publicKey };
    expect(await apply(roster, cas, stolen)).toEqual(no('unauthentic'));
    expect(await apply(roster, ben, { ...joinOf(ben, admission), prekey: new Uint8Array(65).fill(4) })).toEqual(
      no('bad-prekey'),
    );
  });

  it('does not admit against a roster that never was', async () => {
    const roster = await begin(ada);
    const statement = {
      kind: 'admit' as const,
      participant: ada.participant,
      account: ben.account,
      rosterDigest: crypto.random(32),
      nonce: crypto.random(16),
    };
    expect(await apply(roster, ada, statement)).toEqual(no('unknown-roster'));
  });

  it('loses members to themselves, to who admitted them and to the creator, and to nobody else', async () => {
    const roster = await enter(await threesome(), ben, dot);
    const remove = (by: Person, removed: Person) =>
      apply(roster, by, { kind: 'remove', participant: by.participant, removed: removed.participant });
    expect(await remove(cas, dot)).toEqual(no('not-allowed'));
    expect(await remove(ben, ada)).toEqual(no('not-allowed'));
    expect((await remove(ben, dot)).ok).toBe(true);
    expect((await remove(ada, dot)).ok).toBe(true);
    expect(await apply(roster, ben, { kind: 'leave', participant: cas.participant })).toEqual(no('unauthentic'));
  });

  it('has no way back for a participant id, nor for a removed account on its old admission', async () => {
    const { roster: admitted, admission } = await admit(await begin(ada), ada, ben.account);
    const joined = good(await apply(admitted, ben, joinOf(ben, admission))).roster;
    const left = good(await apply(joined, ben, { kind: 'leave', participant: ben.participant })).roster;
    expect(await apply(left, ben, joinOf(ben, admission))).toEqual(no('reused-participant'));
    ben.participant = crypto.random(16);
    const back = good(await apply(left, ben, joinOf(ben, admission))).roster;
    const removed = good(
      await apply(back, ada, { kind: 'remove', participant: ada.participant, removed: ben.participant }),
    ).roster;
    ben.participant = crypto.random(16);
    expect(await apply(removed, ben, joinOf(ben, admission))).toEqual(no('not-admitted'));
  });

  it('keeps one participant per device: one that comes back replaces itself', async () => {
    const { roster: admitted, admission } = await admit(await begin(ada), ada, ben.account);
    const joined = good(await apply(admitted, ben, joinOf(ben, admission))).roster;
    const before = ben.participant;
    ben.participant = crypto.random(16);
    const back = good(await apply(joined, ben, joinOf(ben, admission))).roster;
    expect(back.members.size).toBe(2);
    expect(back.gone.has(hex(before))).toBe(true);
  });

  it('gives who comes back what it could before: the founder stays the founder, and removes whom it admitted', async () => {
    const roster = await threesome();
    const before = [ada, ben].map(({ participant }) => participant);
    ada.participant = crypto.random(16);
    const founder = good(await apply(roster, ada, joinOf(ada, NO_ADMISSION))).roster;
    expect(founder.creator).toBe(hex(ada.participant));
    expect(await apply(founder, cas, joinOf({ ...cas, participant: crypto.random(16) }, NO_ADMISSION))).toEqual(
      no('not-admitted'),
    );
    ben.participant = crypto.random(16);
    const admission = fromHex(roster.members.get(hex(before[1]!))!.admission)!;
    const both = good(await apply(founder, ben, joinOf(ben, admission))).roster;
    const remove = { kind: 'remove' as const, participant: ben.participant, removed: cas.participant };
    expect((await apply(both, ben, remove)).ok).toBe(true);
    const gone = good(await apply(both, ada, { kind: 'leave', participant: ada.participant })).roster;
    ada.participant = crypto.random(16);
    expect(await apply(gone, ada, joinOf(ada, NO_ADMISSION))).toEqual(no('not-admitted'));
  });

  it('has one digest for one membership, which prekeys do not change', async () => {
    const roster = await threesome();
    const rotated = rotatePrekey(roster, ben.participant, cas.prekeys.get(0)!.publicKey, 1);
    expect(rotated.digest).toEqual(roster.digest);
    expect(entry(rotated, ben).prekeyNumber).toBe(1);
    expect(rotatePrekey(rotated, ben.participant, ben.prekeys.get(0)!.publicKey, 1)).toBe(rotated);
    expect(await epochHash(crypto, roster, 1)).not.toEqual(await epochHash(crypto, roster, 2));
  });
});

describe('keys of an epoch', () => {
  it('reach every member, the same for all, and make media that only they open', async () => {
    const view = await at(1, await threesome());
    const { secret, to } = await keysFrom(view, ada);
    const keys = [good(await openAs(view, ben, to(ben))).key, good(await openAs(view, cas, to(cas))).key];
    expect(keys.map((key) => hex(key.secret))).toEqual([hex(secret), hex(secret)]);
    const { name } = entry(view.roster, ada);
    const base = await groupSFrameKey(crypto, callId, name, 1, secret);
    const frame = await (await sframeSender(crypto, 5, keys[0]!.keyId, base)).seal(utf8('hello'));
    const receiver = sframeReceiver(crypto, 5);
    await receiver.add(1, await groupSFrameKey(crypto, callId, keys[1]!.sender.name, 1, keys[1]!.secret));
    expect(await receiver.open(frame)).toMatchObject({ ok: true });
  });

  it('fail when any field of head, hash, ephemeral, commitment, next prekey, list, signature or wrap is touched', async () => {
    const view = await at(1, await threesome());
    const message = (await keysFrom(view, ada)).to(ben);
    for (const field of ['head', 'rosterHash', 'ephemeral', 'commitment', 'nextPrekey', 'signature'] as const)
      for (let i = 0; i < message[field].length; i += 9)
        expect((await openAs(view, ben, { ...message, [field]: flip(message[field], i) })).ok, `${field} ${i}`).toBe(
          false,
        );
    const touched: KeyMessage[] = [
      { ...message, nextPrekeyNumber: 5 },
      { ...message, hashes: message.hashes.toReversed() },
      { ...message, hashes: message.hashes.slice(1) },
      { ...message, entry: { ...message.entry, wrapped: flip(message.entry.wrapped, 20) } },
      { ...message, entry: { ...message.entry, prekeyNumber: 1 } },
    ];
    for (const changed of touched) expect((await openAs(view, ben, changed)).ok).toBe(false);
    expect((await openAs(view, ben, message)).ok).toBe(true);
  });

  it("are not opened from another recipient's wrap", async () => {
    const view = await at(1, await threesome());
    const { to } = await keysFrom(view, ada);
    expect(await openAs(view, ben, to(cas))).toEqual(no('not-for-us'));
    const disguised = { ...to(ben), entry: { ...to(cas).entry, recipient: to(ben).entry.recipient } };
    expect(await openAs(view, ben, disguised)).toEqual(no('not-for-us'));
  });

  it('of one epoch are refused in the next, and of one call in another', async () => {
    const roster = await threesome();
    const { to } = await keysFrom(await at(1, roster), ada);
    expect(await openAs(await at(2, roster), ben, to(ben))).toEqual(no('wrong-epoch'));
    const elsewhere = { ...roster, callId: crypto.random(16) };
    expect(await openAs(await at(1, elsewhere), ben, to(ben))).toEqual(no('other-call'));
  });

  it('bound to another roster are refused: a server that hides or adds a member is seen by everybody', async () => {
    const small = await threesome();
    const large = await enter(small, ada, dot);
    const hidden = await keysFrom(await at(1, small), ada);
    expect(await openAs(await at(1, large), ben, hidden.to(ben))).toEqual(no('wrong-roster'));
    const added = await keysFrom(await at(1, large), ada);
    expect(await openAs(await at(1, small), ben, added.to(ben))).toEqual(no('wrong-roster'));
  });

  it('signed for fewer or more than the whole roster are refused', async () => {
    const view = await at(1, await threesome());
    const fewer = new Map(view.roster.members);
    fewer.delete(hex(cas.participant));
    const short = await keysFrom({ ...view, roster: { ...view.roster, members: fewer } }, ada);
    expect(await openAs(view, ben, short.messages[0]!)).toEqual(no('malformed'));
    const ear = { ...entry(view.roster, cas), name: crypto.random(32), participant: dot.participant };
    const more = new Map([...view.roster.members, [hex(dot.participant), ear]]);
    const long = await keysFrom({ ...view, roster: { ...view.roster, members: more } }, ada);
    expect(await openAs(view, ben, long.to(ben))).toEqual(no('malformed'));
  });

  it('do not come from oneself, a stranger, or under a lower version', async () => {
    const view = await at(1, await threesome());
    const { to } = await keysFrom(view, ada);
    const reflected = await openAs(view, ada, { ...to(ben) });
    expect(reflected).toEqual(no('unknown-sender'));
    const stranger = concat(to(ben).head.slice(0, 28), crypto.random(32));
    expect(await openAs(view, ben, { ...to(ben), head: stranger })).toEqual(no('unknown-sender'));
    expect(await openAs(view, ben, { ...to(ben), head: flip(to(ben).head, 5) })).toEqual(no('unsupported'));
  });

  it('that a malicious sender made different for two receivers are refused where they are not what was committed to', async () => {
    const view = await at(1, await threesome());
    lie.next = true;
    const next = await crypto.generateAgreementKey();
    const { batch } = await sealKeys(crypto, view, entry(view.roster, ada), ada.identity, {
      prekey: next.publicKey,
      number: 1,
    });
    const receive = async (who: Person) =>
      openAs(view, who, (await messageFor(crypto, batch, entry(view.roster, who).name))!);
    const results = await Promise.all([ben, cas].map(receive));
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    expect(results).toContainEqual(no('equivocation'));
  });
});

describe('on the wire', () => {
  it('a statement and a batch have one encoding each, and come back', async () => {
    const roster = await begin(ada);
    const { participant } = ada;
    const statements: Statement[] = [
      joinOf(ada, NO_ADMISSION),
      { kind: 'admit', participant, account: ben.account, rosterDigest: roster.digest, nonce: crypto.random(16) },
      { kind: 'remove', participant, removed: ben.participant },
      { kind: 'leave', participant },
    ];
    for (const statement of statements) {
      const signed = await signStatement(ada.identity, callId, statement);
      const bytes = encodeStatement(callId, signed);
      expect(decodeStatement(callId, bytes)).toEqual(signed);
      expect(decodeStatement(crypto.random(16), bytes)).toBeNull();
      expect(decodeStatement(callId, concat(bytes, Uint8Array.of(0)))).toBeNull();
      expect(decodeStatement(callId, flip(bytes, 20))).toBeNull();
    }
    const { batch } = await keysFrom(await at(3, await threesome()), ada);
    expect(decodeBatch(encodeBatch(batch))).toEqual(batch);
    expect(decodeBatch(encodeBatch(batch).slice(1))).toBeNull();
  });

  it('no bytes make a reader throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), (junk) => {
        decodeStatement(callId, junk);
        decodeBatch(junk);
        decodeInvite(junk);
        decodeAnswer(junk);
        decodeStun(junk);
        unpad(Uint8Array.from(junk), 2);
      }),
    );
  });

  it('padding comes off as it went on, and no other does', () => {
    const parts = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(parts, fc.nat(), ([a, b], where) => {
        const padded = pad(a, b);
        expect(padded.length % 256).toBe(0);
        expect(unpad(padded, 2)!.map(hex)).toEqual([hex(a), hex(b)]);
        expect(unpad(concat(padded, new Uint8Array(256)), 2)).toBeNull();
        const spare = padded.length - 8 - a.length - b.length;
        const marked = padded.slice();
        marked[padded.length - 1 - (where % Math.max(1, spare))] = 1;
        expect(spare > 0 ? unpad(marked, 2) : null).toBeNull();
      }),
    );
  });
});

describe('who was not in an epoch', () => {
  it('cannot open what was said in it: the joiner of the next, with everything recorded', async () => {
    const before = await at(1, await threesome());
    const recorded = (await keysFrom(before, ada)).messages;
    const after = await at(2, await enter(before.roster, ada, dot));
    for (const message of recorded) {
      expect((await openAs(after, dot, message)).ok).toBe(false);
      const patched = { ...message, entry: { ...message.entry, recipient: entry(after.roster, dot).name } };
      const inside = { ...before, roster: { ...before.roster, members: after.roster.members } };
      expect((await openAs(inside, dot, patched)).ok).toBe(false);
    }
  });

  it('gets no key: a removed device is in no batch from then on', async () => {
    const roster = await threesome();
    const removed = good(
      await apply(roster, ada, { kind: 'remove', participant: ada.participant, removed: cas.participant }),
    ).roster;
    const { messages } = await keysFrom(await at(2, removed), ada);
    expect(messages.map(({ entry: own }) => hex(own.recipient))).toEqual([hex(entry(removed, ben).name)]);
  });

  it('cannot use a seized device of later: the prekey of that epoch is erased', async () => {
    const view = await at(1, await threesome());
    const message = (await keysFrom(view, ada)).to(ben);
    ben.prekeys.get(0)!.erase();
    expect(await openAs(view, ben, message)).toEqual(no('unauthentic'));
    ben.prekeys.delete(0);
    expect(await openAs(view, ben, message)).toEqual(no('unknown-prekey'));
  });
});

describe('the keyring', () => {
  async function two() {
    const roster = await threesome();
    const first = await at(1, roster);
    const ring = createKeyring();
    expect(ring.prepare(first)).toBe(true);
    return { roster, first, ring };
  }

  it('enters epochs upwards only, and sends only under one it prepared and has a key for', async () => {
    const { first, ring, roster } = await two();
    expect(ring.prepare(first)).toBe(false);
    expect(ring.activate(1, 0)).toBe(false);
    ring.hold(1, new Uint8Array(32).fill(1));
    expect(ring.activate(1, 0)).toBe(true);
    expect(ring.activate(7, 0)).toBe(false);
    expect(ring.sending(0)?.epoch).toBe(1);
    ring.prepare(await at(2, roster));
    ring.hold(2, new Uint8Array(32).fill(2));
    ring.activate(2, 10);
    expect(ring.activate(1, 20)).toBe(false);
    expect(ring.sending(20)?.epoch).toBe(2);
  });

  it('keeps the first of two keys a sender signed for one epoch, and raises an alarm', async () => {
    const { first, ring } = await two();
    const [one, other] = [await keysFrom(first, ada), await keysFrom(first, ada)];
    const open = async (made: typeof one) => good(await openAs(first, ben, made.to(ben))).key;
    expect(ring.missing(1, entry(first.roster, ben).name)).toHaveLength(2);
    expect(ring.accept(await open(one), one.to(ben))).toEqual({ ok: true, repeated: false });
    expect(ring.accept(await open(one), one.to(ben))).toEqual({ ok: true, repeated: true });
    expect(ring.accept(await open(other), other.to(ben))).toEqual({ ok: false, reason: 'second-key', alarm: true });
    const { name } = entry(first.roster, ada);
    expect(hex(ring.receiving(1, name)!.secret)).toBe(hex(one.secret));
    expect(ring.missing(1, entry(first.roster, ben).name)).toEqual([hex(entry(first.roster, cas).name)]);
  });

  it('erases an epoch 10 s after the next became active, the bytes themselves', async () => {
    const { first, roster, ring } = await two();
    const made = await keysFrom(first, ada);
    const { key } = good(await openAs(first, ben, made.to(ben)));
    ring.accept(key, made.to(ben));
    const own = new Uint8Array(32).fill(1);
    ring.hold(1, own);
    ring.activate(1, 0);
    ring.prepare(await at(2, roster));
    ring.hold(2, new Uint8Array(32).fill(2));
    ring.activate(2, 1000);
    expect(ring.nextErase).toBe(1000 + ERASE_AFTER_MS);
    expect(ring.sweep(999 + ERASE_AFTER_MS)).toEqual([]);
    expect(ring.receiving(1, key.sender.name)).not.toBeNull();
    expect(ring.sweep(1000 + ERASE_AFTER_MS)).toEqual([1]);
    expect(ring.receiving(1, key.sender.name)).toBeNull();
    expect([hex(own), hex(key.secret)]).toEqual(['00'.repeat(32), '00'.repeat(32)]);
    ring.erase();
    expect(ring.sending(2000)).toBeNull();
  });

  it('stops sending 2 s after somebody left, also under an epoch that was prepared with them in it', async () => {
    const { roster, ring } = await two();
    ring.hold(1, new Uint8Array(32).fill(1));
    ring.activate(1, 0);
    ring.prepare(await at(2, roster));
    ring.hold(2, new Uint8Array(32).fill(2));
    ring.departed(100);
    expect(ring.sending(99 + STOP_AFTER_MS)?.epoch).toBe(1);
    ring.activate(2, 200);
    expect(ring.sending(100 + STOP_AFTER_MS)).toBeNull();
    ring.prepare(await at(3, roster));
    ring.hold(3, new Uint8Array(32).fill(3));
    ring.activate(3, 5000);
    expect(ring.sending(5000)?.epoch).toBe(3);
  });
});

it('a full house of 33 rekeys, everybody with everybody', async () => {
  people = await Promise.all(Array.from({ length: 34 }, person));
  const [host, ...guests] = people as [Person, ...Person[]];
  let roster = await begin(host);
  for (const guest of guests.slice(0, 32)) roster = await enter(roster, host, guest);
  const late = await admit(roster, host, guests[32]!.account);
  expect(await apply(late.roster, guests[32]!, joinOf(guests[32]!, late.admission))).toEqual(no('full'));
  const view = await at(40, roster);
  const { messages, to } = await keysFrom(view, guests[0]!);
  expect(messages).toHaveLength(32);
  for (const who of [host, guests[1]!, guests[31]!]) expect((await openAs(view, who, to(who))).ok).toBe(true);
});

describe('proofs on the wire', () => {
  const certificates = [crypto.random(600), crypto.random(500)];

  it('have one encoding: a JOIN with its certificates, the others bare', async () => {
    const join = await signStatement(ada.identity, callId, joinOf(ada, NO_ADMISSION));
    const leave = await signStatement(ada.identity, callId, { kind: 'leave', participant: ada.participant });
    for (const proof of [
      { ...join, certificates },
      { ...leave, certificates: [] },
    ]) {
      const bytes = encodeProof(callId, proof);
      expect(decodeProof(callId, bytes)).toEqual(proof);
      expect(decodeProof(crypto.random(16), bytes)).toBeNull();
      for (const cut of [1, 2, 5, 100, 502]) expect(decodeProof(callId, bytes.subarray(0, -cut))).toBeNull();
      expect(decodeProof(callId, concat(bytes, Uint8Array.of(0)))).toBeNull();
    }
    expect(decodeProof(callId, encodeStatement(callId, join))).toBeNull();
    expect(decodeProof(callId, encodeProof(callId, { ...join, certificates: [] }))).toBeNull();
  });

  it('are read or refused, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 900 }), (bytes) => {
        expect(decodeProof(callId, bytes)).toBeNull();
      }),
    );
  });
});
