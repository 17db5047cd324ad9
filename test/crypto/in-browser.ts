/** Runs inside a page (bundled by runtimes.test.ts): a whole call, keys kept in IndexedDB, protected packets and frames. */
import { hex } from '../../src/bytes/hex.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import { nobleCrypto } from '../../src/sdk/crypto/noble.ts';
import type { CryptoProvider, StoredKey } from '../../src/sdk/crypto/provider.ts';
import { webCrypto } from '../../src/sdk/crypto/webcrypto.ts';
import { nobleSrtp } from '../../src/sdk/media/noble-srtp.ts';
import { srtpReceiver } from '../../src/sdk/media/receiver.ts';
import { srtpSender } from '../../src/sdk/media/sender.ts';
import { sframeReceiver, sframeSender } from '../../src/sdk/media/sframe.ts';
import { connect, good, makePeople } from './people.ts';

export interface PageReport {
  secure: boolean;
  provider: string;
  sameKeys: boolean;
  restoredFromStore: boolean;
  privateKeyLeaves: boolean;
  srtp: boolean;
  sframe: boolean;
}

function request<T>(ask: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    ask.addEventListener('success', () => resolve(ask.result));
    ask.addEventListener('error', () => reject(ask.error ?? new Error('IndexedDB')));
  });
}

async function throughStore(key: StoredKey): Promise<StoredKey> {
  const opening = indexedDB.open('callsign-test', 1);
  opening.addEventListener('upgradeneeded', () => opening.result.createObjectStore('keys'));
  const store = await request(opening);
  await request(store.transaction('keys', 'readwrite').objectStore('keys').put(key, 'identity'));
  return request(store.transaction('keys').objectStore('keys').get('identity') as IDBRequest<StoredKey>);
}

async function keysAtRest(crypto: CryptoProvider) {
  const key = await crypto.generateSigningKey();
  const stored = await throughStore(key.stored!);
  const signature = await (await crypto.restoreSigningKey(stored)).sign(utf8('message'));
  const restoredFromStore = await crypto.verify(key.publicKey, utf8('message'), signature);
  const privateKeyLeaves = stored.kind === 'scalar' || stored.pair.privateKey.extractable;
  return { restoredFromStore, privateKeyLeaves };
}

export async function callInPage(): Promise<PageReport> {
  const crypto = isSecureContext ? webCrypto() : nobleCrypto();
  const { callerSession, calleeSession } = await connect(await makePeople(crypto));
  const callee = good(await calleeSession.receive(callerSession.request()));
  const caller = good(await callerSession.receive(callee.reply!));
  const [send, receive] = [caller.keys.srtp.audio.send, callee.keys.srtp.audio.receive];
  const packet = new Uint8Array(190).fill(3);
  packet.set([0x80, 0]);
  const before = hex(packet.subarray(0, 180));
  const sealed = srtpSender(nobleSrtp, send).rtp(packet, 180);
  const opened = srtpReceiver(nobleSrtp, receive).rtp(packet, 190);
  const receiver = sframeReceiver(crypto, 5);
  await receiver.add(0, callee.keys.sframe.receive);
  const frame = await (await sframeSender(crypto, 5, 0, caller.keys.sframe.send)).seal(utf8('frame'));
  return {
    secure: isSecureContext,
    provider: crypto.name,
    sameKeys: caller.keys.sas === callee.keys.sas && hex(send.key) === hex(receive.key),
    ...(await keysAtRest(crypto)),
    srtp: sealed.ok && opened.ok && hex(packet.subarray(0, 180)) === before,
    sframe: (await receiver.open(frame)).ok,
  };
}

Object.assign(globalThis, { callInPage });
