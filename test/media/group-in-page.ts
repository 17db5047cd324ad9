/**
 * Runs inside a page: three members of a group, each with a worker of its own, pictures between them over the browser's own media
 * stack, and the keys of real epochs. What the server would do (order, activate) the page does; what an SFU would do a connection
 * does.
 */
import { hex } from '../../src/bytes/hex.ts';
import type { Call } from '../../src/sdk/calls/call.ts';
import type { FrameKeys } from '../../src/sdk/calls/group-call.ts';
import { ERASE_AFTER_MS } from '../../src/sdk/crypto/group/keyring.ts';
import { applyStatement, nameOf, NO_ADMISSION, type Roster, startRoster } from '../../src/sdk/crypto/group/roster.ts';
import { type Join, signStatement, type Statement, statementHash } from '../../src/sdk/crypto/group/statement.ts';
import { webCrypto } from '../../src/sdk/crypto/webcrypto.ts';
import { frameKeysOf } from '../../src/sdk/group/frame-keys.ts';
import { GroupSecrets } from '../../src/sdk/group/secrets.ts';
import { type FrameReport, type FrameRole, groupFrames } from '../../src/sdk/webrtc/index.ts';
import { good } from '../crypto/people.ts';
import { PATIENCE_MS } from '../support/patience.ts';

/** Pictures on one way while they should not open: packets that came, frames that were decoded. */
export interface Silence {
  readonly came: number;
  readonly decoded: number;
}

export interface GroupReport {
  /** Whether pictures went on on all three ways in the first and the second epoch, and between those who stayed in the third. */
  readonly goesOn: readonly [boolean, boolean, boolean];
  /** Who asked for the second epoch. */
  readonly asked: readonly string[];
  /** In the third epoch, the second one erased: what the removed member still sends, and what it is sent. */
  readonly ofTheRemoved: Silence;
  readonly toTheRemoved: Silence;
  /** Frames that the worker of one who stayed did not open. */
  readonly refused: number;
}

const crypto = webCrypto();
const callId = crypto.random(16);
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(done: () => boolean | Promise<boolean>): Promise<boolean> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await wait(100)) if (await done()) return true;
  return false;
}

/** Its keys as the SDK keeps them, and its worker, told as an application tells it. `askFrom`: frames after which the worker asks. */
async function member(label: string, askFrom: number, asked: string[]) {
  const [account, device, participant] = [crypto.random(32), crypto.random(16), crypto.random(16)];
  const identity = await crypto.generateSigningKey();
  const name = await nameOf(crypto, account, device, identity.publicKey);
  const secrets = new GroupSecrets(crypto);
  const worker = new Worker((globalThis as unknown as { framesWorker: string }).framesWorker, { name: `${askFrom}` });
  const listeners = new Set<(keys: FrameKeys) => void>();
  const group = {
    frameKeys: { send: null, receive: [] } as FrameKeys,
    on: (_: string, listener: (keys: FrameKeys) => void) => listeners.add(listener),
    rekey: () => void asked.push(label),
  };
  groupFrames({ group, on: () => () => undefined, phase: 'active' } as unknown as Call, worker);
  const counts = { refused: 0 };
  worker.addEventListener('message', ({ data }: MessageEvent<FrameReport>) => {
    if (data.type === 'counts') counts.refused = data.refused;
  });
  const join = async (admission: Uint8Array<ArrayBuffer>): Promise<Join> => {
    const manifest = { version: 1, hash: new Uint8Array(32) };
    return { kind: 'join', participant, account, device, manifest, prekey: await secrets.firstPrekey(), admission };
  };
  const sign = (statement: Statement) => signStatement(identity, callId, statement);
  const tell = async (now: number) => {
    secrets.sweep(now);
    group.frameKeys = await frameKeysOf(secrets, callId, name, now);
    for (const listener of listeners) listener(group.frameKeys);
  };
  return { account, participant, identity, name, secrets, worker, counts, join, sign, tell };
}
type Member = Awaited<ReturnType<typeof member>>;

async function rosterOf(founder: Member, ...others: readonly Member[]): Promise<Roster> {
  const all = [founder, ...others];
  const judge = async ({ participant }: Join) => {
    const found = all.find((one) => hex(one.participant) === hex(participant))!;
    return { ok: true as const, identityKey: found.identity.publicKey };
  };
  const first = await founder.join(NO_ADMISSION);
  const { signature } = await founder.sign(first);
  let { roster } = good(await startRoster(crypto, callId, { statement: first, signature }, judge));
  const apply = async (by: Member, statement: Statement) => {
    ({ roster } = good(await applyStatement(crypto, roster, await by.sign(statement), judge)));
  };
  for (const other of others) {
    const { participant } = founder;
    const nonce = crypto.random(16);
    const admit = { kind: 'admit', participant, account: other.account, rosterDigest: roster.digest, nonce } as const;
    await apply(founder, admit);
    await apply(other, await other.join(await statementHash(crypto, callId, admit)));
  }
  return roster;
}

async function without(roster: Roster, by: Member, gone: Member): Promise<Roster> {
  const statement = { kind: 'remove', participant: by.participant, removed: gone.participant } as const;
  const refuse = async () => ({ ok: false, reason: 'not-in-manifest' }) as const;
  return good(await applyStatement(crypto, roster, await by.sign(statement), refuse)).roster;
}

/** Everybody makes its key and opens the others'; then all send under it. */
async function epoch(number: number, roster: Roster, members: readonly Member[], now: number): Promise<void> {
  for (const { secrets } of members) await secrets.enter(number, roster);
  const batches = await Promise.all(members.map((one) => one.secrets.make(number, one.name, one.identity)));
  for (const [i, one] of members.entries())
    for (const [j, batch] of batches.entries()) if (i !== j) good(await one.secrets.open(number, one.name, batch!));
  for (const one of members) {
    one.secrets.keyring.activate(number, now);
    await one.tell(now);
  }
}

/** The camera of one at another, both ends with their worker's transform: the receiver's in its `track` event, or it is ignored. */
async function oneWay(from: Member, to: Member, track: MediaStreamTrack) {
  const [there, here] = [new RTCPeerConnection(), new RTCPeerConnection()];
  there.addEventListener('icecandidate', ({ candidate }) => void here.addIceCandidate(candidate ?? undefined));
  here.addEventListener('icecandidate', ({ candidate }) => void there.addIceCandidate(candidate ?? undefined));
  const sending = there.addTransceiver(track.clone(), { direction: 'sendonly' });
  const { codecs } = RTCRtpReceiver.getCapabilities('video')!;
  sending.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === 'video/VP8'));
  sending.sender.transform = new RTCRtpScriptTransform(from.worker, { way: 'send', stream: 1 } satisfies FrameRole);
  here.addEventListener('track', ({ receiver }) => {
    const role: FrameRole = { way: 'receive', stream: 1, participant: hex(from.participant) };
    receiver.transform = new RTCRtpScriptTransform(to.worker, role);
    const element = document.createElement('video');
    Object.assign(element, { autoplay: true, muted: true, srcObject: new MediaStream([receiver.track]) });
    document.body.append(element);
  });
  await there.setLocalDescription();
  await here.setRemoteDescription(there.localDescription!);
  await here.setLocalDescription();
  await there.setRemoteDescription(here.localDescription!);
  return {
    async seen(): Promise<{ came: number; decoded: number }> {
      for (const one of (await here.getStats()).values())
        if (one.type === 'inbound-rtp' && one.kind === 'video')
          return { came: one.packetsReceived as number, decoded: (one.framesDecoded as number | undefined) ?? 0 };
      return { came: 0, decoded: 0 };
    },
    close: () => [there, here].forEach((peer) => peer.close()),
  };
}
type Way = Awaited<ReturnType<typeof oneWay>>;

/** Ten more pictures on each way. */
async function goesOn(...ways: readonly Way[]): Promise<boolean> {
  const before = await Promise.all(ways.map((way) => way.seen()));
  const each = async (way: Way, i: number) => (await way.seen()).decoded >= before[i]!.decoded + 10;
  return until(async () => (await Promise.all(ways.map(each))).every(Boolean));
}

/** From when what was under way has been shown, until a hundred more packets came. */
async function silence(way: Way): Promise<Silence> {
  let before = await way.seen();
  await until(async () => {
    const last = before;
    await wait(1_000);
    before = await way.seen();
    return before.decoded === last.decoded && before.came > last.came;
  });
  await until(async () => (await way.seen()).came >= before.came + 100);
  const after = await way.seen();
  return { came: after.came - before.came, decoded: after.decoded - before.decoded };
}

export async function groupInPage(): Promise<GroupReport> {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240, frameRate: 15 } });
  const track = stream.getVideoTracks()[0]!;
  const asked: string[] = [];
  const [ann, ben, cas] = await Promise.all([
    member('ann', 60, asked),
    member('ben', 2 ** 19, asked),
    member('cas', 2 ** 19, asked),
  ]);
  const all = await rosterOf(ann, ben, cas);
  const [toBen, toCas, fromCas] = await Promise.all([
    oneWay(ann, ben, track),
    oneWay(ann, cas, track),
    oneWay(cas, ben, track),
  ]);
  await epoch(1, all, [ann, ben, cas], 0);
  const first = await goesOn(toBen, toCas, fromCas);
  await until(() => asked.length > 0);
  await epoch(2, all, [ann, ben, cas], 1_000);
  for (const one of [ann, ben, cas]) await one.tell(1_000 + ERASE_AFTER_MS);
  const second = await goesOn(toBen, toCas, fromCas);
  await epoch(3, await without(all, ann, cas), [ann, ben], 20_000);
  for (const one of [ann, ben]) await one.tell(20_000 + ERASE_AFTER_MS);
  const third = await goesOn(toBen);
  const [ofTheRemoved, toTheRemoved] = await Promise.all([silence(fromCas), silence(toCas)]);
  await until(() => ben.counts.refused > 0);
  for (const way of [toBen, toCas, fromCas]) way.close();
  return { goesOn: [first, second, third], asked, ofTheRemoved, toTheRemoved, refused: ben.counts.refused };
}

Object.assign(globalThis, { groupInPage });
