import { concat } from '../../../src/bytes/join.ts';
import { hex } from '../../../src/bytes/hex.ts';
import {
  batchEntry,
  batchMessage,
  batchRoot,
  bundleHash,
  capabilitiesMessage,
  lastResortMessage,
  signedPrekeyMessage,
} from '../../../src/directory/bundle.ts';
import { inclusionPath } from '../../../src/directory/merkle.ts';
import { agreed, answerKey } from '../../../src/sdk/crypto/answer.ts';
import { pad, signedBytes } from '../../../src/sdk/crypto/body.ts';
import { encodeAnswer, encodeInvite, type Party } from '../../../src/sdk/crypto/header.ts';
import { partyOf, sealKeys } from '../../../src/sdk/crypto/invitation.ts';
import { LABEL, ROLE } from '../../../src/sdk/crypto/labels.ts';
import { nobleCrypto } from '../../../src/sdk/crypto/noble.ts';
import { spkiOf } from '../../../src/sdk/crypto/point.ts';
import { confirmation, deriveKeys, deriveSecret, relayKey, type Stream } from '../../../src/sdk/crypto/schedule.ts';
import { signalReceiver, signalSender } from '../../../src/sdk/crypto/signal.ts';
import { ATTRIBUTE, encodeStun, STUN_TYPE } from '../../../src/sdk/crypto/stun.ts';
import { b, type Input, type Table } from './input.ts';

const crypto = nobleCrypto();
const owner = (i: Input) => ({ account: b(i.account), device: b(i.device) });
const keys = (i: Input) => i.keys.map(b);
const party = (p: Input): Promise<Party> => partyOf(crypto, owner(p), b(p.identityKey));

async function common(i: Input) {
  const [sender, recipient] = await Promise.all([party(i.sender), party(i.recipient)]);
  return { callId: b(i.callId), messageId: b(i.messageId), sender, recipient };
}

/** All keys of a session whose sender has this role. */
function derived(i: Input) {
  const empty = new Uint8Array();
  const sas = {
    nonces: i.callerNonce ? concat(b(i.callerNonce), b(i.calleeNonce)) : empty,
    callerAccount: i.caller ? b(i.caller) : empty,
    calleeAccount: i.callee ? b(i.callee) : empty,
  };
  return deriveKeys(crypto, b(i.secret), i.role ?? 'caller', sas);
}

async function datagram(i: Input, type: number) {
  const attributes: [number, Uint8Array][] = [
    [ATTRIBUTE.call, b(i.callId)],
    [ATTRIBUTE.confirmation, concat(Uint8Array.of(ROLE[i.role as 'caller'], 0, 0, 0), b(i.confirmation))],
  ];
  if (i.reveal !== null) attributes.push([ATTRIBUTE.reveal, b(i.reveal)]);
  return hex(await encodeStun(crypto, b(i.relayKey), { type, transaction: b(i.transaction), attributes }));
}

export const sealing: Table = {
  'bundle/signed-prekey': (i) => hex(signedPrekeyMessage(owner(i), i, b(i.key))),
  'bundle/last-resort': (i) => hex(lastResortMessage(owner(i), i, b(i.key))),
  'bundle/batch': (i) => hex(batchMessage(owner(i), i, b(i.batchId), b(i.root))),
  'bundle/capabilities': (i) =>
    hex(capabilitiesMessage(owner(i), { ...i, protocol: { min: i.lowest, max: i.highest } })),
  'bundle/hash': (i) => hex(bundleHash(i.messages.map(b))),
  'bundle/root': (i) => hex(batchRoot(i.firstKeyId, keys(i))),
  'bundle/path': (i) => {
    const entries = keys(i).map((key: Uint8Array, index: number) => batchEntry(i.firstKeyId, index, key));
    return inclusionPath(entries, i.index).map(hex);
  },

  'invitation/header': async (i) =>
    hex(
      encodeInvite({
        ...(await common(i)),
        signedPrekeyId: i.signedPrekeyId,
        oneTimeKeyId: i.oneTimeKeyId,
        kemKeyId: i.kemKeyId,
        ephemeral: b(i.e),
        kemCiphertext: b(i.kemCiphertext),
        commitment: b(i.commitment),
        view: {
          manifestVersion: i.manifestVersion,
          manifestHash: b(i.manifestHash),
          bundleHash: b(i.bundleHash),
        },
      }),
    ),
  'invitation/key': async (i) => hex((await sealKeys(crypto, b(i.ikm), b(i.header))).key),
  'invitation/exporter': async (i) => hex((await sealKeys(crypto, b(i.ikm), b(i.header))).exporter),
  'invitation/signed': async (i) => hex(await signedBytes(crypto, LABEL.sealSignature, b(i.header), b(i.content))),
  'body/padding': (i) => hex(pad(...i.parts.map(b))),
  'body/sealed': async (i) => {
    const padded = pad(b(i.signature), b(i.content));
    return hex(await crypto.gcmSeal(b(i.key), new Uint8Array(12), b(i.header), padded));
  },

  'answer/header': async (i) =>
    hex(encodeAnswer({ ...(await common(i)), invitation: b(i.hInv), ephemeral: b(i.sd), nonce: b(i.nonce) })),
  'answer/key': async (i) => hex(await answerKey(crypto, b(i.dh), b(i.exporter), b(i.header))),
  'answer/signed': async (i) => hex(await signedBytes(crypto, LABEL.answerSignature, b(i.header), b(i.content))),
  'session/transcript': async (i) => {
    const none = new Uint8Array();
    return hex((await agreed(crypto, b(i.hInv), b(i.header), b(i.body), none, none)).transcript);
  },
  'session/secret': async (i) => hex(await deriveSecret(crypto, b(i.dh), b(i.exporter), b(i.transcript))),

  'confirmation/mac': async (i) => {
    const own = await crypto.sha256(spkiOf(b(i.identityKey)));
    return hex(await confirmation(crypto, b(i.secret), b(i.transcript), i.role, own));
  },
  'confirmation/relay-key': async (i) => hex(await relayKey(crypto, b(i.secret), i.role)),
  'confirmation/request': (i) => datagram(i, STUN_TYPE.request),
  'confirmation/response': (i) => datagram(i, STUN_TYPE.response),

  'keys/srtp': async (i) => {
    const { key, salt } = (await derived(i)).srtp[i.stream as Stream].send;
    return hex(concat(key, salt));
  },
  'keys/sframe': async (i) => hex((await derived(i)).sframe.send),
  'keys/signal': async (i) => hex((await derived(i)).signal.send),
  'keys/authentication-string': async (i) => (await derived(i)).sas,
  'signal/sealed': async (i) => {
    const sender = signalSender(crypto, b(i.key), b(i.callId), i.role);
    for (let skipped = 0; skipped < i.counter; skipped++) await sender.seal(new Uint8Array());
    return hex((await sender.seal(b(i.content)))!);
  },
  'signal/opened': async (i) => {
    const opened = await signalReceiver(crypto, b(i.key), b(i.callId), i.role).open(b(i.sealed));
    if (!opened.ok) throw new Error(opened.reason);
    const counter = Number(new DataView(b(i.sealed).buffer, 20).getBigUint64(0));
    return { counter, content: hex(opened.content) };
  },
};
