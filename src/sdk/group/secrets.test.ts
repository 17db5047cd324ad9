import { beforeEach, expect, it } from 'vitest';
import { hex } from '../../bytes/hex.ts';
import { ERASE_AFTER_MS } from '../crypto/group/keyring.ts';
import type { KeyBatch } from '../crypto/group/keys.ts';
import type { Member, Roster } from '../crypto/group/roster.ts';
import type { Bytes, SigningKey } from '../crypto/provider.ts';
import { webCrypto } from '../crypto/webcrypto.ts';
import { GroupSecrets } from './secrets.ts';

const crypto = webCrypto();

interface Guest {
  readonly secrets: GroupSecrets;
  readonly member: Member;
  readonly identity: SigningKey;
}

async function guest(): Promise<Guest> {
  const secrets = new GroupSecrets(crypto);
  const identity = await crypto.generateSigningKey();
  const member = {
    participant: crypto.random(16),
    account: crypto.random(32),
    device: crypto.random(16),
    identityKey: identity.publicKey,
    name: crypto.random(32),
    prekey: await secrets.firstPrekey(),
    prekeyNumber: 0,
    admission: '',
  };
  return { secrets, member, identity };
}

let ada: Guest;
let ben: Guest;
let digest: Bytes;
beforeEach(async () => {
  [ada, ben] = [await guest(), await guest()];
  digest = crypto.random(32);
});

const rosterOf = (...members: Member[]): Roster => ({
  callId: new Uint8Array(16),
  members: new Map(members.map((one) => [hex(one.participant), one])),
  creator: hex(ada.member.participant),
  admissions: new Map(),
  gone: new Set(),
  digest,
  history: new Set(),
});

async function made({ secrets, member, identity }: Guest, epoch: number, ...members: Member[]): Promise<KeyBatch> {
  await secrets.enter(epoch, rosterOf(...members));
  return (await secrets.make(epoch, member.name, identity))!;
}

const opened = async ({ secrets, member }: Guest, epoch: number, batch: KeyBatch) => {
  const result = await secrets.open(epoch, member.name, batch);
  return result.ok ? 'opened' : result.reason;
};

it('a key that is wrapped to a prekey which was erased came too late; one to a prekey that never was is refused', async () => {
  const both = [ada.member, ben.member];
  // Of the first epoch each has the other's; of Ada's later ones Ben hears nothing.
  const [adas, bens] = [await made(ada, 1, ...both), await made(ben, 1, ...both)];
  expect([await opened(ben, 1, adas), await opened(ada, 1, bens)]).toEqual(['opened', 'opened']);
  await made(ada, 2, ...both);
  expect(await opened(ada, 2, await made(ben, 2, ...both))).toBe('opened');
  await made(ada, 3, ...both);
  ada.secrets.keyring.activate(3, 0);
  ada.secrets.sweep(ERASE_AFTER_MS);
  expect(await opened(ada, 3, await made(ben, 3, ...both))).toBe('late-prekey');
  const foreign = { ...ada.member, prekeyNumber: 99 };
  await ada.secrets.enter(4, rosterOf(...both));
  const stranger = { ...ben, secrets: new GroupSecrets(crypto) };
  expect(await opened(ada, 4, await made(stranger, 4, foreign, ben.member))).toBe('unknown-prekey');
});
