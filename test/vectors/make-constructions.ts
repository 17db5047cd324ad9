/**
 * Makes test/vectors/constructions.json: for every construction inputs of its own, so that no vector stands on another, and the
 * output that the code makes of them. `npm exec -- node test/vectors/make-constructions.ts` writes the file; tests compare it.
 */
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { p256 } from '@noble/curves/nist.js';
import { gcm } from '@noble/ciphers/aes.js';
import { base64url } from '../../src/bytes/base64url.ts';
import { hex } from '../../src/bytes/hex.ts';
import { concat, u32 } from '../../src/bytes/join.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import { accountIdOf, deviceIdOf } from '../../src/directory/account.ts';
import { compactInput } from '../../src/directory/jws.ts';
import { draft as manifestDraft } from '../../src/directory/manifest/write.ts';
import { clientAssertion, dpopProof, hello, type JwsDraft, tokenHash } from '../../src/identity/proof.ts';
import { TYP } from '../../src/protocol/identity.ts';
import { pad } from '../../src/sdk/crypto/body.ts';
import { restoreKem } from '../../src/sdk/crypto/kem.ts';
import { digestOf, type Member, NO_ADMISSION } from '../../src/sdk/crypto/group/roster.ts';
import { type Statement, statementBytes, statementHash } from '../../src/sdk/crypto/group/statement.ts';
import { encodeProof } from '../../src/sdk/crypto/group/wire.ts';
import { nobleCrypto } from '../../src/sdk/crypto/noble.ts';
import { spkiOf } from '../../src/sdk/crypto/point.ts';
import type { Bytes } from '../../src/sdk/crypto/provider.ts';
import { ours } from './ours.ts';
import { b, type Input } from './ours/input.ts';

const NOW = 1_795_000_000_000;
const NOW_S = NOW / 1_000;
const ORIGIN = 'https://calls.example';

export interface Vector {
  readonly construction: string;
  readonly about: string;
  readonly page: string;
  readonly input: Input;
  readonly output: unknown;
}

/** The first bytes of SHA-256(label || 0) || SHA-256(label || 1) || …: for vectors only. */
function of(label: string, length: number): Bytes {
  const parts: Uint8Array[] = [];
  for (let i = 0; i * 32 < length; i++)
    parts.push(new Uint8Array(createHash('sha256').update(utf8(label)).update(u32(i)).digest()));
  return concat(...parts).slice(0, length);
}
const some = (label: string, length: number): string => hex(of(label, length));
const secretOf = (label: string): Bytes => p256.utils.randomSecretKey(of(label, 48));
const pointOf = (label: string): Bytes => p256.getPublicKey(secretOf(label), false);
const point = (label: string): string => hex(pointOf(label));
const key91 = (label: string): string => hex(spkiOf(pointOf(label)));
const accountOf = (label: string): string => accountIdOf(of(`${label}'s account`, 32));
const deviceOf = (label: string): string => deviceIdOf(of(`${label}'s device`, 16));

const sealed = (draft: JwsDraft, signer: string): string =>
  draft.seal(p256.sign(draft.input, secretOf(signer), { lowS: false }));
function statement(typ: string, kid: string, claims: object, signer: string): string {
  const input = compactInput(typ, kid, claims);
  return sealed({ input: utf8(input), seal: (signature) => `${input}.${base64url(signature)}` }, signer);
}

const bundle = { account: some('account', 32), device: some('device', 16), manifestVersion: 3 };
const dates = { notBefore: NOW, expiresAt: NOW + 604_800_000 };
const side = (label: string) => ({
  account: some(`${label}'s account`, 32),
  device: some(`${label}'s device`, 16),
  identityKey: point(`${label}'s identity`),
});
const ends = { callId: some('call', 16), messageId: some('message', 16), sender: side('a'), recipient: side('b') };
const keyed = { ikm: some('ikm', 96), header: some('header', 300) };
const secret = some('session secret', 32);
const confirmed = {
  callId: some('call', 16),
  transaction: some('transaction', 12),
  confirmation: some('confirmation', 32),
  relayKey: some('relay key', 32),
};
const signal = { key: some('signal key', 32), callId: some('call', 16) };
const srtp = { master: some('srtp master', 32), salt: some('srtp salt', 14) };
const rtp = (sequence: number, ssrc: number, payload: number): string =>
  hex(concat(b('8060'), u32(sequence * 65_536).slice(0, 2), u32(160), u32(ssrc), of('rtp payload', payload)));
const group = { callId: some('group call', 16), participant: some('participant', 16) };
const wrapping = {
  head: some('head', 60),
  rosterHash: some('roster hash', 32),
  recipient: some('recipient', 32),
  prekeyNumber: 258,
};
const link = { link: some('link', 16), account: some('account', 32) };
const half = (label: string) => ({
  device: some(`${label} device`, 16),
  key: key91(label),
  nonce: some(`${label} nonce`, 32),
});
const manifest = {
  v: 1,
  account: accountOf('a'),
  version: 2,
  previous: base64url(of('previous', 32)),
  issuedAt: NOW,
  devices: [{ id: deviceOf('a'), key: base64url(spkiOf(pointOf('a'))), addedAt: NOW - 1_000 }],
  handles: [base64url(of('handle', 32))],
  recovery: { policy: 'delay', delayHours: 72, handles: [0] },
  minProtocol: 1,
  note: 'an unknown member, "quoted", and ä',
};
const payload = new TextDecoder().decode(manifestDraft(manifest as never).payload);
const jwk = { x: base64url(pointOf('recovery').subarray(1, 33)), y: base64url(pointOf('recovery').subarray(33)) };
const token = 'access.token.text';
const chain = [of('leaf', 700), of('issuer', 600)];

function openedSignal(counter: number): Input {
  const number = concat(u32(Math.floor(counter / 2 ** 32)), u32(counter % 2 ** 32));
  const header = concat(b('010103'), b(signal.callId), b('02'), number);
  const nonce = concat(new Uint8Array(4), number);
  const body = gcm(b(signal.key), nonce, header).encrypt(pad(utf8('late, and far on')));
  return { ...signal, role: 'callee', sealed: hex(concat(header, body)) };
}

/** A group of three that come, come back, are put out and go, with entries in between that count for nothing. */
async function logOfAGroup(): Promise<Input> {
  const crypto = nobleCrypto();
  const callId = b(group.callId);
  const id = (label: string) => of(`${label} participant`, 16);
  const hash = (made: Statement) => statementHash(crypto, callId, made);
  const signed = (signer: string, made: Statement, certificates: Bytes[] = []) => {
    const signature = p256.sign(statementBytes(callId, made), secretOf(`${signer}'s identity`), { lowS: false });
    return base64url(encodeProof(callId, { statement: made, signature: Uint8Array.from(signature), certificates }));
  };
  const join = (who: string, label: string, admission: Bytes): Statement => ({
    kind: 'join',
    participant: id(label),
    account: of(`${who}'s account`, 32),
    device: of(`${who}'s device`, 16),
    manifest: { version: 3, hash: of(`${who}'s manifest`, 32) },
    prekey: pointOf(`${label} call prekey`),
    admission,
  });
  const admit = (by: string, who: string, rosterDigest: Bytes): Statement => ({
    kind: 'admit',
    participant: id(by),
    account: of(`${who}'s account`, 32),
    rosterDigest,
    nonce: of(`${by} admits ${who}`, 16),
  });
  const come = (who: string, label: string, admission: Bytes) =>
    signed(who, join(who, label, admission), [of(`${who}'s leaf`, 40), of('issuer', 30)]);
  const { account, device, identityKey } = side('a');
  const name = await crypto.sha256(concat(b(account), b(device), spkiOf(b(identityKey))));
  const alone = await digestOf(crypto, callId, new Map([['a', { participant: id('a'), name } as Member]]));
  const letsIn = { b: admit('a', 'b', alone), c: admit('b', 'c', alone) };
  const [ofB, ofC] = [await hash(letsIn.b), await hash(letsIn.c)];
  return {
    callId: group.callId,
    founder: hex(await hash(join('a', 'a', NO_ADMISSION))),
    devices: ['a', 'b', 'c'].map(side),
    entries: [
      come('a', 'a', NO_ADMISSION),
      signed('a', letsIn.b),
      come('c', 'c', ofB),
      come('b', 'b', ofB),
      signed('b', letsIn.c),
      signed('a', { kind: 'remove', participant: id('b'), removed: id('a') }),
      come('c', 'c', ofC),
      signed('c', { kind: 'remove', participant: id('c'), removed: id('b') }),
      come('b', 'b again', ofB),
      signed('b', { kind: 'leave', participant: id('b') }),
      signed('b', { kind: 'remove', participant: id('b again'), removed: id('c') }),
      come('c', 'c again', ofC),
      come('a', 'a again', NO_ADMISSION),
      signed('a', admit('a again', 'c', of('no digest', 32))),
      'AAAA',
      signed('b', { kind: 'leave', participant: id('b again') }),
    ],
  };
}

type Given = readonly [construction: string, about: string, page: string, input: Input];

async function inputs(): Promise<Given[]> {
  const kem = hex((await restoreKem(of('kem', 64))).publicKey);
  const list: Given[] = [];
  const add = (page: string, construction: string, about: string, input: Input) =>
    void list.push([construction, about, page, input]);

  let page = 'cryptography.md §2';
  add(page, 'bundle/signed-prekey', 'a point', { ...bundle, ...dates, keyId: 7, key: point('prekey') });
  add(page, 'bundle/last-resort', 'an ML-KEM-768 key', { ...bundle, ...dates, keyId: 8, key: kem });
  const batch = { batchId: some('batch', 16), firstKeyId: 9, count: 100, expiresAt: NOW, root: some('root', 32) };
  add(page, 'bundle/batch', 'a hundred keys', { ...bundle, ...batch });
  const capable = { issuedAt: NOW, media: ['audio', 'video'], codecs: ['opus', 'vp8', 'h264'], lowest: 1, highest: 2 };
  add(page, 'bundle/capabilities', 'two kinds of media, three codecs', { ...bundle, ...capable });
  add(page, 'bundle/hash', 'three messages', { messages: [some('one', 40), some('two', 50), some('three', 60)] });
  const keys = [0, 1, 2, 3, 4].map((i) => point(`one-time ${i}`));
  add(page, 'bundle/root', 'five keys', { firstKeyId: 300, keys });
  for (const index of [0, 2, 4]) add(page, 'bundle/path', `key ${index} of five`, { firstKeyId: 300, keys, index });

  page = 'cryptography.md §4';
  const view = {
    manifestVersion: 9,
    manifestHash: some('manifest', 32),
    bundleHash: some('bundle', 32),
    signedPrekeyId: 1,
    kemKeyId: 2,
    e: point('e'),
    kemCiphertext: some('ciphertext', 1_088),
    commitment: some('commitment', 32),
  };
  add(page, 'invitation/header', 'with a one-time key', { ...ends, ...view, oneTimeKeyId: 70_000 });
  add(page, 'invitation/header', 'without', { ...ends, ...view, oneTimeKeyId: 0 });
  add(page, 'invitation/key', 'of three secrets', keyed);
  add(page, 'invitation/exporter', 'of three secrets', keyed);
  const content = { header: some('header', 300), content: hex(utf8('{"call":"…"}')) };
  add(page, 'invitation/signed', 'header and content', content);
  add(page, 'body/padding', 'to 256', { parts: [some('signature', 64), some('content', 100)] });
  add(page, 'body/padding', 'nothing to add', { parts: [some('whole', 252)] });
  add(page, 'body/padding', 'one byte more', { parts: [some('whole', 253)] });
  const body = { key: some('key', 32), signature: some('signature', 64), ...content };
  add(page, 'body/sealed', 'a signed content', body);

  page = 'cryptography.md §5';
  add(page, 'answer/header', 'all fields', { ...ends, hInv: some('hInv', 32), sd: point('sd'), nonce: some('Nd', 32) });
  const agreed = { dh: some('dh', 32), exporter: some('exporter', 32) };
  add(page, 'answer/key', 'of ephemerals and exporter', { ...agreed, header: some('answer header', 324) });
  add(page, 'answer/signed', 'header and content', content);
  const parts = { hInv: some('hInv', 32), header: some('answer header', 324), body: some('answer body', 528) };
  add(page, 'session/transcript', 'of invitation and answer', parts);
  add(page, 'session/secret', 'of ephemerals and exporter', { ...agreed, transcript: some('transcript', 32) });

  page = 'cryptography.md §6';
  for (const role of ['caller', 'callee'] as const) {
    const own = { secret, transcript: some('transcript', 32), role, identityKey: point(role) };
    add(page, 'confirmation/mac', `of the ${role}`, own);
    add(page, 'confirmation/relay-key', `of the ${role}`, { secret, role });
  }
  const reveal = some('Nc', 32);
  add(page, 'confirmation/request', 'of the caller', { ...confirmed, role: 'caller', reveal });
  add(page, 'confirmation/request', 'of the callee', { ...confirmed, role: 'callee', reveal: null });
  add(page, 'confirmation/response', 'of the caller', { ...confirmed, role: 'caller', reveal });
  add(page, 'confirmation/response', 'of the callee', { ...confirmed, role: 'callee', reveal: null });

  page = 'cryptography.md §7';
  for (const role of ['caller', 'callee'] as const) {
    for (const stream of ['audio', 'video', 'screen'])
      add(page, 'keys/srtp', `${stream} of the ${role}`, { secret, role, stream });
    add(page, 'keys/sframe', `of the ${role}`, { secret, role });
    add(page, 'keys/signal', `of the ${role}`, { secret, role });
  }
  const nonces = { callerNonce: some('Nc', 32), calleeNonce: some('Nd', 32) };
  const accounts = { caller: some('caller', 32), callee: some('callee', 32) };
  add(page, 'keys/authentication-string', 'eight digits', { secret, ...nonces, ...accounts });
  const said = { ...signal, content: hex(utf8('{"candidate":"host"}')) };
  add(page, 'signal/sealed', 'the first of the caller', { ...said, role: 'caller', counter: 0 });
  add(page, 'signal/sealed', 'the fourth of the callee', { ...said, role: 'callee', counter: 3 });
  add(page, 'signal/opened', 'a counter above 2^32', openedSignal(2 ** 32 + 5));

  page = 'cryptography.md §8';
  add(page, 'srtp/session-keys', 'six of one master', srtp);
  add(page, 'srtp/packet', 'the first', { ...srtp, rollover: 0, packet: rtp(513, 0xdeadbeef, 160) });
  add(page, 'srtp/packet', 'after a roll-over', { ...srtp, rollover: 1, packet: rtp(2, 0xdeadbeef, 33) });
  const report = hex(concat(b('80c80006deadbeef'), of('rtcp', 20)));
  add(page, 'srtp/control-packet', 'a sender report', { ...srtp, index: 4_097, packet: report });

  page = 'cryptography.md §9, media.md §6';
  const frame = { baseKey: some('base key', 32), kid: 0, frame: some('frame', 90) };
  ['audio', 'camera', 'screen'].forEach((stream, number) =>
    add(page, 'sframe/frame', stream, { ...frame, counter: number * 300, metadata: hex(Uint8Array.of(number)) }),
  );
  add(page, 'sframe/frame', 'a key id of a group', { ...frame, kid: 4_660, counter: 7, metadata: '00' });

  page = 'cryptography.md §10';
  const admitted = { account: some('guest', 32), rosterDigest: some('digest', 32), nonce: some('nonce', 16) };
  add(page, 'group/admit', 'an account', { ...group, ...admitted });
  const joined = { account: some('guest', 32), device: some('guest device', 16), manifestVersion: 2 };
  const joining = { manifestHash: some('manifest', 32), prekey: point('call prekey'), admission: some('admission', 32) };
  add(page, 'group/join', 'a device', { ...group, ...joined, ...joining });
  add(page, 'group/remove', 'a participant', { ...group, removed: some('removed', 16) });
  add(page, 'group/leave', 'of oneself', group);
  const proven = { ...group, signature: some('signature', 64) };
  add(page, 'group/proof', 'of an admit', { kind: 'admit', ...proven, ...admitted });
  const shownBy = { certificates: [some('leaf', 700), some('issuer', 300)] };
  add(page, 'group/proof', 'of a join', { kind: 'join', ...proven, ...joined, ...joining, ...shownBy });
  add(page, 'group/proof', 'of a remove', { kind: 'remove', ...proven, removed: some('removed', 16) });
  add(page, 'group/proof', 'of a leave', { kind: 'leave', ...proven });
  add(page, 'group/log', 'sixteen entries, seven of which count for nothing', await logOfAGroup());
  add(page, 'group/invited', 'of a newcomer', { founder: some('founder', 32), admission: some('admission', 32) });
  add(page, 'group/name', 'of a device', side('a'));
  const members = [1, 2, 3].map((i) => ({ participant: some(`p${i}`, 16), name: some(`n${i}`, 32) }));
  add(page, 'group/roster-digest', 'of three', { callId: group.callId, members });
  add(page, 'group/roster-hash', 'of an epoch', { epoch: 70_000, digest: some('digest', 32) });
  add(page, 'group/head', 'an epoch above 2^16', { callId: group.callId, epoch: 70_000, sender: some('sender', 32) });
  const wrap = { ...wrapping, shared: some('shared', 32), ephemeral: point('e'), prekey: point('call prekey') };
  add(page, 'group/wrapping-key', 'for one recipient', wrap);
  const wrapped = { ...wrapping, key: some('wrapping key', 64), secret: some('sender key', 32) };
  add(page, 'group/wrapped', 'for one recipient', wrapped);
  add(page, 'group/commitment', 'to a sender key', { secret: some('sender key', 32), head: wrapping.head });
  const { recipient, prekeyNumber } = wrapping;
  add(page, 'group/entry', 'of one recipient', { recipient, prekeyNumber, wrapped: some('wrapped', 48) });
  const common = {
    head: wrapping.head,
    rosterHash: wrapping.rosterHash,
    ephemeral: point('e'),
    commitment: some('commitment', 32),
    nextPrekey: point('next'),
    nextPrekeyNumber: 3,
  };
  add(page, 'group/signed-keys', 'for two', { ...common, hashes: [some('h1', 32), some('h2', 32)] });
  const entryFor = (i: number) => ({ recipient: some(`r${i}`, 32), prekeyNumber: i, wrapped: some(`w${i}`, 48) });
  const whole = { ...common, signature: some('signature', 64), entries: [entryFor(1), entryFor(258)] };
  add(page, 'group/batch', 'for two', whole);
  add(page, 'group/read-batch', 'for two', { body: await ours['group/batch']!(whole) });
  const media = { callId: group.callId, sender: some('sender', 32), epoch: 70_000, secret: some('sender key', 32) };
  add(page, 'group/sframe', 'of one sender', media);
  add(page, 'group/srtp', 'of one sender', media);

  page = 'cryptography.md §11';
  const coded = [1, 2, 3].map((i) => ({ account: some(`a${i}`, 32), spki: some(`s${i}`, 32) }));
  add(page, 'group/code', 'of three', { callId: group.callId, members: coded });
  const [one, other] = ['one', 'other'].map((name) => ({ account: some(name, 32), resets: name.length }));
  add(page, 'safety/number', 'of two accounts', { one, other });
  add(page, 'safety/number', 'the same from the other side', { one: other, other: one });
  const own = { ...one, version: 5, hash: some('own head', 32) };
  add(page, 'safety/scanned', 'own side first', { own, peer: { ...other, version: 6, hash: some('peer head', 32) } });

  page = 'identity.md';
  add(page, 'account/id', 'of a genesis', { payload });
  add(page, 'device/id', '16 bytes', { device: some('device', 16) });
  page = 'enrollment.md §2';
  const enrolled = { origin: ORIGIN, token: 'k.payload.mac', device: some('device', 16), key: key91('a') };
  const fresh = { ...enrolled, format: 'tpm2', purpose: 'enrol' };
  add(page, 'enrollment/transcript', 'a first device', { ...fresh, account: some('account', 32) });
  add(page, 'enrollment/transcript', 'of a key that comes later', { ...fresh, key: '', account: '' });
  page = 'enrollment.md §4';
  add(page, 'voucher/signed', 'a transcript', { transcript: some('transcript', 32) });
  page = 'identity.md §4';
  add(page, 'proof/thumbprint', 'of a key', { key: point('a') });
  add(page, 'proof/token-hash', 'of a token', { token });
  const dpop = { jti: 'jti-8-or-more', htm: 'POST', htu: `${ORIGIN}/v1/lookups`, iat: NOW_S, ath: tokenHash(token) };
  const proof = sealed(dpopProof(spkiOf(pointOf('a')), { ...dpop, nonce: 'n.once' }), 'a');
  add(page, 'proof/dpop', 'of a request', { jws: proof, method: 'POST', url: dpop.htu, token, now: NOW_S });
  const claims = { iss: deviceOf('a'), sub: deviceOf('a'), aud: ORIGIN, jti: 'jti', iat: NOW_S, exp: NOW_S + 60 };
  const assertion = sealed(clientAssertion(chain, claims), 'a');
  add(page, 'proof/client-assertion', 'for a token', { jws: assertion, key: point('a') });
  add(page, 'nonce/dpop', 'of a time', { kid: 'k1', key: some('nonce key', 32), seconds: NOW_S });
  page = 'identity.md §5';
  const stateless = { kid: 'k1', key: some('nonce key', 32), random: some('random', 16), expiry: NOW };
  const bound = { device: deviceOf('a'), account: accountOf('a'), detail: 'tpm2' };
  add(page, 'nonce/stateless', 'of an enrollment', { ...stateless, purpose: 'enrol', ...bound });
  add(page, 'nonce/stateless', 'for any device', { ...stateless, purpose: 'hello', device: '', account: '', detail: '' });
  const greeting = {
    nonce: 'k.payload.mac',
    deployment: 'deployment',
    device: deviceOf('a'),
    pushTokenHash: base64url(of('push token', 32)),
    box: null,
    lastSeq: 0,
    iat: NOW,
  };
  add(page, 'proof/hello', 'of a first connection', { jws: sealed(hello(chain, greeting), 'a'), key: point('a') });
  page = 'identity.md §6';
  const renewed = { ...enrolled, account: some('account', 32), serial: some('serial', 16) };
  add(page, 'renewal/transcript', 'of a certificate', renewed);

  page = 'directory.md §1';
  add(page, 'manifest/payload', 'canonical', { manifest });
  add(page, 'manifest/hash', 'of a payload', { payload });
  add(page, 'manifest/signed', 'by a device', { device: deviceOf('a'), payload });
  add(page, 'manifest/signed-by-recovery-key', 'with its key', { ...jwk, payload });
  page = 'directory.md §2';
  add(page, 'handle/commitment', 'of a number', { salt: some('salt', 32), canonical: 'tel:+4930123456' });
  const coding = { key: some('code key', 32), account: accountOf('a'), device: deviceOf('a'), code: '012345' };
  add(page, 'handle/code', 'of an address', { ...coding, canonical: 'mail1:ada@example.com' });
  const asserted = { iss: ORIGIN, sub: accountOf('a'), handle: 'mail1:ada@example.com', salt: base64url(of('salt', 32)) };
  const times = { method: 'email', verified_at: NOW_S, iat: NOW_S, exp: NOW_S + 86_400 };
  const handle = statement(TYP.handle, 'd1', { ...asserted, ...times }, 'directory');
  add(page, 'statement/handle', 'by the directory key', { jws: handle, key: point('directory') });
  page = 'directory.md §3';
  const batches = [500, 20].map((firstKeyId) => ({
    batchId: some(`batch ${firstKeyId}`, 16),
    firstKeyId,
    count: 100,
    root: some(`root ${firstKeyId}`, 32),
  }));
  add(page, 'keys/digest', 'two batches, the later first', { bundleHash: some('bundle', 32), batches });
  add(page, 'keys/digest', 'nothing published', { bundleHash: '', batches: [] });
  page = 'directory.md §4';
  const named = { callerAccount: some('caller', 32), callerDevice: some('caller device', 16) };
  const called = { calleeAccount: some('callee', 32), calleeDevice: some('callee device', 16), purpose: 'call' };
  add(page, 'capability', 'to call', { ...named, ...called, key: some('own key', 32), keyId: 2, expiry: NOW, epoch: 3 });
  page = 'directory.md §6';
  add(page, 'link/invitation', '87 characters', { ...link, secret: some('seat', 16) });
  add(page, 'link/commitment', 'of the newcomer', { ...link, newcomer: half('newcomer') });
  const head = { version: 7, hash: some('head', 32) };
  add(page, 'link/code', 'of both sides', { ...link, head, sponsor: half('sponsor'), newcomer: half('newcomer') });
  page = 'directory.md §7';
  add(page, 'recovery/key', 'of 32 bytes', { secret: some('recovery', 32) });
  add(page, 'recovery/text', 'fourteen groups', { secret: some('recovery', 32) });
  const asking = { aud: ORIGIN, of: accountOf('a'), ...jwk, iat: NOW_S };
  const recovery = statement(TYP.recovery, 'recovery', asking, 'recovery');
  add(page, 'statement/recovery', 'by the recovery key', { jws: recovery, audience: ORIGIN, now: NOW_S });
  const about = { sub: accountOf('a'), recovery: base64url(of('recovery id', 16)) };
  const veto = statement(TYP.veto, deviceOf('a'), { ...about, device: deviceOf('a'), iat: NOW_S }, 'a');
  add(page, 'statement/veto', 'by a device', { jws: veto, key: point('a') });
  const waiting = { to: accountOf('b'), state: 'pending', started_at: NOW_S, due_at: NOW_S + 259_200, iat: NOW_S };
  const reset = statement(TYP.reset, 'd1', { iss: ORIGIN, ...about, ...waiting }, 'directory');
  add(page, 'statement/reset', 'by the directory key', { jws: reset, key: point('directory') });
  page = 'courier.md, Push';
  add(page, 'push/tag', 'of a ring', { secret: some('push secret', 32), ring: 'envelope-id', account: accountOf('a') });
  add(page, 'push/tag', 'of a test', { secret: some('push secret', 32), ring: 'envelope-id', account: '' });
  page = 'native.md';
  add(page, 'native/shown-call', 'of a tag', { text: 'a-tag' });
  return list;
}

export async function makeConstructions(): Promise<{ note: string; vectors: Vector[] }> {
  const vectors: Vector[] = [];
  for (const [construction, about, page, input] of await inputs()) {
    const output = await ours[construction]!(structuredClone(input));
    vectors.push({ construction, about, page, input, output });
  }
  return { note: 'Made by test/vectors/make-constructions.ts. All keys here are test keys.', vectors };
}

if (import.meta.main)
  writeFileSync('test/vectors/constructions.json', `${JSON.stringify(await makeConstructions(), null, 1)}\n`);
