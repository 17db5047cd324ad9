/** cryptography.md sections 2 and 4 to 7. */
import {
  b,
  cat,
  gcmOpen,
  gcmSeal,
  hkdf,
  hmac,
  lp,
  NONE,
  pad,
  sha,
  spki,
  stun,
  u,
  unpad,
  ZERO,
} from '../primitives.mjs';

const hex = (bytes) => bytes.toString('hex');
const ROLE = { caller: 1, callee: 2 };
const STREAM = { audio: 1, video: 2, screen: 3 };
const role = (i) => u(1, ROLE[i.role]);

// Section 2.
const prefix = (i, kind) =>
  cat('callsign/bundle/1\0', u(1, 1), u(1, 1), u(1, kind), b(i.account), b(i.device), u(4, i.manifestVersion));
const keyMessage = (i, kind) =>
  hex(cat(prefix(i, kind), u(4, i.keyId), u(8, i.notBefore), u(8, i.expiresAt), lp(b(i.key))));
const words = (list) => cat(u(2, list.length), ...list.map((word) => lp(Buffer.from(word))));
const entries = (i) => i.keys.map((key, index) => cat(u(4, i.firstKeyId + index), b(key)));
/** RFC 9162 section 2.1.1. */
function tree(leaves) {
  if (leaves.length === 1) return sha(b('00'), leaves[0]);
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha(b('01'), tree(leaves.slice(0, k)), tree(leaves.slice(k)));
}
/** RFC 9162 section 2.1.3.1. */
function path(leaves, index) {
  if (leaves.length === 1) return [];
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return index < k
    ? [...path(leaves.slice(0, k), index), tree(leaves.slice(k))]
    : [...path(leaves.slice(k), index - k), tree(leaves.slice(0, k))];
}

// Sections 4 and 5.
const party = (p) => cat(b(p.account), b(p.device), sha(spki(b(p.identityKey))));
const common = (i, kind) =>
  cat(u(1, 1), u(1, 1), u(1, kind), b(i.callId), b(i.messageId), party(i.sender), party(i.recipient));
const sealKey = (i, info) => hex(hkdf(b(i.ikm), sha(b(i.header)), info));

// Section 7: signals.
const signalHeader = (i) => cat(u(1, 1), u(1, 1), u(1, 3), b(i.callId), role(i), u(8, i.counter));

// Section 6.
function datagram(i, type) {
  const attributes = [
    [0xc5c3, b(i.callId)],
    [0xc5c1, cat(role(i), b('000000'), b(i.confirmation))],
  ];
  if (i.reveal !== null) attributes.push([0xc5c2, b(i.reveal)]);
  return hex(stun(type, b(i.transaction), attributes, b(i.relayKey)));
}

export const sealing = {
  'bundle/signed-prekey': (i) => keyMessage(i, 1),
  'bundle/last-resort': (i) => keyMessage(i, 2),
  'bundle/batch': (i) =>
    hex(cat(prefix(i, 3), b(i.batchId), u(4, i.firstKeyId), u(4, i.count), u(8, i.expiresAt), b(i.root))),
  'bundle/capabilities': (i) =>
    hex(cat(prefix(i, 4), u(8, i.issuedAt), words(i.media), words(i.codecs), u(4, i.lowest), u(4, i.highest))),
  'bundle/hash': (i) => hex(sha('callsign/bundle-hash/1\0', ...i.messages.map((message) => lp(b(message))))),
  'bundle/root': (i) => hex(tree(entries(i))),
  'bundle/path': (i) => path(entries(i), i.index).map(hex),

  'invitation/header': (i) =>
    hex(
      cat(
        common(i, 1),
        u(4, i.signedPrekeyId),
        u(4, i.oneTimeKeyId),
        u(4, i.kemKeyId),
        b(i.e),
        b(i.kemCiphertext),
        b(i.commitment),
        u(4, i.manifestVersion),
        b(i.manifestHash),
        b(i.bundleHash),
      ),
    ),
  'invitation/key': (i) => sealKey(i, 'callsign/seal/1 key\0'),
  'invitation/exporter': (i) => sealKey(i, 'callsign/seal/1 exporter\0'),
  'invitation/signed': (i) => hex(cat('callsign/seal/1\0', b(i.header), sha(b(i.content)))),
  'body/padding': (i) => hex(pad(...i.parts.map((part) => lp(b(part))))),
  'body/sealed': (i) => hex(gcmSeal(b(i.key), ZERO, b(i.header), pad(lp(b(i.signature)), lp(b(i.content))))),

  'answer/header': (i) => hex(cat(common(i, 2), b(i.hInv), b(i.sd), b(i.nonce))),
  'answer/key': (i) => hex(hkdf(cat(b(i.dh), b(i.exporter)), sha(b(i.header)), 'callsign/answer/1\0')),
  'answer/signed': (i) => hex(cat('callsign/answer/1 signature\0', b(i.header), sha(b(i.content)))),
  'session/transcript': (i) => hex(sha(lp(b(i.hInv)), lp(b(i.header)), lp(b(i.body)))),
  'session/secret': (i) => hex(hkdf(cat(b(i.dh), b(i.exporter)), b(i.transcript), 'callsign/session/1\0')),

  'confirmation/mac': (i) =>
    hex(
      hmac(
        hkdf(b(i.secret), NONE, cat('callsign/confirm/1\0', role(i))),
        b(i.transcript),
        role(i),
        sha(spki(b(i.identityKey))),
      ),
    ),
  'confirmation/relay-key': (i) => hex(hkdf(b(i.secret), NONE, cat('callsign/relay/1\0', role(i)))),
  'confirmation/request': (i) => datagram(i, 0x0001),
  'confirmation/response': (i) => datagram(i, 0x0101),

  'keys/srtp': (i) => hex(hkdf(b(i.secret), NONE, cat('callsign/srtp/1\0', role(i), u(1, STREAM[i.stream])), 46)),
  'keys/sframe': (i) => hex(hkdf(b(i.secret), NONE, cat('callsign/sframe/1\0', role(i)))),
  'keys/signal': (i) => hex(hkdf(b(i.secret), NONE, cat('callsign/signal/1\0', role(i)))),
  'keys/authentication-string': (i) => {
    const info = cat('callsign/sas/1\0', b(i.caller), b(i.callee));
    const number = hkdf(b(i.secret), cat(b(i.callerNonce), b(i.calleeNonce)), info, 8).readBigUInt64BE() % 10n ** 8n;
    const text = String(number).padStart(8, '0');
    return `${text.slice(0, 4)} ${text.slice(4)}`;
  },
  'signal/sealed': (i) => {
    const header = signalHeader(i);
    return hex(cat(header, gcmSeal(b(i.key), cat(u(4, 0), u(8, i.counter)), header, pad(lp(b(i.content))))));
  },
  'signal/opened': (i) => {
    const sealed = b(i.sealed);
    const header = sealed.subarray(0, 28);
    if (!header.subarray(0, 20).equals(signalHeader({ ...i, counter: 0 }).subarray(0, 20))) throw new Error('header');
    const plain = gcmOpen(b(i.key), cat(u(4, 0), header.subarray(20)), header, sealed.subarray(28));
    return { counter: Number(header.readBigUInt64BE(20)), content: hex(unpad(plain, 1)[0]) };
  },
};
