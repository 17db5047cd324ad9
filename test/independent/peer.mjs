/**
 * A second implementation of docs/protocol/cryptography.md, written from that page alone: plain Node, node:crypto, no
 * code of src. Reads one JSON command a line, answers with one JSON line. Byte strings are hexadecimal.
 */
import * as c from 'node:crypto';
import { createInterface } from 'node:readline';
import { constructions } from './constructions.mjs';
import {
  b,
  cat,
  u,
  lp,
  sha,
  hmac,
  hkdf,
  NONE,
  spki,
  privateKey,
  newKey,
  dh,
  sign,
  verify,
  kemPrivate,
  kemPublic,
  pad,
  unpad,
  ZERO,
  gcmSeal,
  gcmOpen,
  sivOpen,
  digits,
  crc32,
  stun,
} from './primitives.mjs';

const party = (who) => cat(b(who.account), b(who.device), sha(spki(b(who.identityKey))));
const text = (hex) => b(hex).toString('base64url');

// Section 4: the invitation.
const INVITE = 1460;
function sealKeys(ikm, header) {
  const salt = sha(header);
  return [hkdf(ikm, salt, 'callsign/seal/1 key\0'), hkdf(ikm, salt, 'callsign/seal/1 exporter\0')];
}
function contentOf(call, message, sender, recipient, more) {
  const end = ({ account, device }) => ({ account: text(account), device: text(device) });
  return Buffer.from(
    JSON.stringify({
      call: text(call),
      message: message.toString('base64url'),
      sender: end(sender),
      recipient: end(recipient),
      certificates: ['AAAA'],
      handleAssertion: null,
      manifest: { version: 1, hash: text('00'.repeat(32)) },
      media: {},
      transport: {},
      ...more,
    }),
  );
}
function sealInvitation({ caller, callee, callId, now }) {
  const [own, e, sc] = [privateKey(b(caller.identityScalar)), newKey(), newKey()];
  const { sharedKey, ciphertext } = c.encapsulate(kemPublic(b(callee.kem.key)));
  const [nonce, message] = [c.randomBytes(32), c.randomBytes(16)];
  const once = callee.oneTimeKey;
  const header = cat(
    b('010101'),
    b(callId),
    message,
    party(caller),
    party(callee),
    u(4, callee.signedPrekey.keyId),
    u(4, once ? once.keyId : 0),
    u(4, callee.kem.keyId),
    e.point,
    ciphertext,
    sha(nonce),
    u(4, callee.manifest.version),
    b(callee.manifest.hash),
    b(callee.bundleHash),
  );
  const ikm = cat(dh(e, b(callee.signedPrekey.key)), once ? dh(e, b(once.key)) : NONE, sharedKey);
  const [key, exporter] = sealKeys(ikm, header);
  const times = { sentAt: now, expiresAt: now + 60_000 };
  const content = contentOf(callId, message, caller, callee, { ephemeral: sc.point.toString('base64url'), ...times });
  const signature = sign(own, cat('callsign/seal/1\0', header, sha(content)));
  const sealed = cat(header, gcmSeal(key, ZERO, header, pad(lp(signature), lp(content))));
  return { sealed, exporter, hInv: sha(sealed), sc, nonce };
}
function openInvitation(sealed, caller, callee) {
  const header = sealed.subarray(0, INVITE);
  if (!header.subarray(0, 3).equals(b('010101'))) throw new Error('kind');
  if (!header.subarray(35, 115).equals(party(caller)) || !header.subarray(115, 195).equals(party(callee)))
    throw new Error('party');
  const e = header.subarray(207, 272);
  const oneTimeId = header.readUInt32BE(199);
  const secret = c.decapsulate(kemPrivate(b(callee.kem.seed)), header.subarray(272, 1360));
  const ikm = cat(
    dh(privateKey(b(callee.signedPrekey.scalar)), e),
    oneTimeId ? dh(privateKey(b(callee.oneTimeKey.scalar)), e) : NONE,
    secret,
  );
  const [key, exporter] = sealKeys(ikm, header);
  const [signature, content] = unpad(gcmOpen(key, ZERO, header, sealed.subarray(INVITE)), 2);
  const signed = cat('callsign/seal/1\0', header, sha(content));
  if (!verify(b(caller.identityKey), signed, signature)) throw new Error('signature');
  const commitment = header.subarray(1360, 1392);
  return { callId: header.subarray(3, 19), exporter, hInv: sha(sealed), content: JSON.parse(content), commitment };
}

// Section 5: the answer.
const ANSWER = 324;
function secrets(shared, exporter, hInv, header, body) {
  const transcript = sha(lp(hInv), lp(header), lp(body));
  return { transcript, secret: hkdf(cat(shared, exporter), transcript, 'callsign/session/1\0') };
}
const answerKey = (shared, exporter, header) => hkdf(cat(shared, exporter), sha(header), 'callsign/answer/1\0');
function sealAnswer(invitation, caller, callee, now) {
  const [sd, message, nonce] = [newKey(), c.randomBytes(16), c.randomBytes(32)];
  const shared = dh(sd, Buffer.from(invitation.content.ephemeral, 'base64url'));
  const { callId, hInv, exporter } = invitation;
  const header = cat(b('010102'), callId, message, party(callee), party(caller), hInv, sd.point, nonce);
  const times = { sentAt: now, expiresAt: now + 60_000 };
  const content = contentOf(callId.toString('hex'), message, callee, caller, times);
  const signature = sign(
    privateKey(b(callee.identityScalar)),
    cat('callsign/answer/1 signature\0', header, sha(content)),
  );
  const body = gcmSeal(answerKey(shared, exporter, header), ZERO, header, pad(lp(signature), lp(content)));
  return { sealed: cat(header, body), nonce, ...secrets(shared, exporter, hInv, header, body) };
}
function openAnswer(sealed, { sc, exporter, hInv }, callee) {
  const [header, body] = [sealed.subarray(0, ANSWER), sealed.subarray(ANSWER)];
  if (!header.subarray(195, 227).equals(hInv)) throw new Error('invitation');
  const shared = dh(sc, header.subarray(227, 292));
  const [signature, content] = unpad(gcmOpen(answerKey(shared, exporter, header), ZERO, header, body), 2);
  const signed = cat('callsign/answer/1 signature\0', header, sha(content));
  if (!verify(b(callee.identityKey), signed, signature)) throw new Error('signature');
  return { nonce: header.subarray(292, 324), ...secrets(shared, exporter, hInv, header, body) };
}

// Section 6: confirmation.
const ROLE = { caller: u(1, 1), callee: u(1, 2) };
const confirmOf = ({ secret, transcript }, role, who) =>
  hmac(
    hkdf(secret, NONE, cat('callsign/confirm/1\0', ROLE[role])),
    transcript,
    ROLE[role],
    sha(spki(b(who.identityKey))),
  );
const relayOf = ({ secret }, role) => hkdf(secret, NONE, cat('callsign/relay/1\0', ROLE[role]));
function readStun(bytes) {
  if (bytes.readUInt32BE(4) !== 0x2112a442 || bytes.readUInt16BE(2) !== bytes.length - 20) throw new Error('stun');
  if (bytes.readUInt32BE(bytes.length - 4) !== (crc32(bytes.subarray(0, -8)) ^ 0x5354554e) >>> 0)
    throw new Error('print');
  const attributes = {};
  for (let at = 20; at < bytes.length;) {
    const length = bytes.readUInt16BE(at + 2);
    attributes[bytes.readUInt16BE(at)] = { at, value: bytes.subarray(at + 4, at + 4 + length) };
    at += 4 + length + (-length & 3);
  }
  return { type: bytes.readUInt16BE(0), transaction: bytes.subarray(8, 20), attributes };
}

// Section 7: keys.
function keysOf(agreed, callerNonce, calleeNonce, caller, callee) {
  const of = (label, role, n = 32) => hkdf(agreed.secret, NONE, cat(label, ROLE[role]), n).toString('hex');
  const both = (derive) => ({ caller: derive('caller'), callee: derive('callee') });
  const srtp = (stream) =>
    both((role) => hkdf(agreed.secret, NONE, cat('callsign/srtp/1\0', ROLE[role], u(1, stream)), 46).toString('hex'));
  const info = cat('callsign/sas/1\0', b(caller.account), b(callee.account));
  const number = hkdf(agreed.secret, cat(callerNonce, calleeNonce), info, 8).readBigUInt64BE() % 10n ** 8n;
  return {
    srtp: { audio: srtp(1), video: srtp(2), screen: srtp(3) },
    sframe: both((role) => of('callsign/sframe/1\0', role)),
    signal: both((role) => of('callsign/signal/1\0', role)),
    sas: number
      .toString()
      .padStart(8, '0')
      .replace(/^(.{4})/, '$1 '),
  };
}
function openSignal(key, sealed) {
  const header = sealed.subarray(0, 28);
  return unpad(gcmOpen(b(key), cat(u(4, 0), header.subarray(20)), header, sealed.subarray(28)), 1)[0].toString();
}

// Section 2: bundles.
function checkBundle({ account, device, identityKey, bundle, oneTimeKeys }) {
  const raw = (value) => Buffer.from(value, 'base64url');
  const prefix = (kind, version) =>
    cat('callsign/bundle/1\0', u(1, 1), u(1, bundle.suite), u(1, kind), b(account), b(device), u(4, version));
  const keyMessage = (kind, k) =>
    cat(prefix(kind, k.manifestVersion), u(4, k.keyId), u(8, k.notBefore), u(8, k.expiresAt), lp(raw(k.key)));
  const words = (list) => cat(u(2, list.length), ...list.map((word) => lp(Buffer.from(word))));
  const can = bundle.capabilities;
  const messages = [
    keyMessage(1, bundle.signedPrekey),
    keyMessage(2, bundle.lastResort),
    cat(
      prefix(4, can.manifestVersion),
      u(8, can.issuedAt),
      words(can.media),
      words(can.codecs),
      u(4, can.protocol.min),
      u(4, can.protocol.max),
    ),
  ];
  const parts = [bundle.signedPrekey, bundle.lastResort, can];
  const signed = parts.every((part, i) => verify(b(identityKey), messages[i], raw(part.signature)));
  const hash = sha('callsign/bundle-hash/1\0', ...messages.map(lp)).toString('hex');
  const places = oneTimeKeys.every(({ batch, index, key, path }) => {
    const message = cat(
      prefix(3, batch.manifestVersion),
      raw(batch.batchId),
      u(4, batch.firstKeyId),
      u(4, batch.count),
      u(8, batch.expiresAt),
      raw(batch.root),
    );
    const leaf = sha(b('00'), u(4, batch.firstKeyId + index), raw(key));
    return (
      verify(b(identityKey), message, raw(batch.signature)) &&
      climb(leaf, index, batch.count, path.map(raw)).equals(raw(batch.root))
    );
  });
  return { signed, hash, places };
}
/** From the root down: the sibling of the larger subtree is the last of the path. */
function climb(leaf, index, count, path) {
  if (count === 1) return leaf;
  let k = 1;
  while (k * 2 < count) k *= 2;
  const [rest, sibling] = [path.slice(0, -1), path.at(-1)];
  return index < k
    ? sha(b('01'), climb(leaf, index, k, rest), sibling)
    : sha(b('01'), sibling, climb(leaf, index - k, count - k, rest));
}

// Section 10: groups.
function readBatch(bytes) {
  const [take, end] = [(from, length) => bytes.subarray(from, from + length), bytes.length - 64];
  const entries = [];
  for (let at = 258; at < end; at += 82)
    entries.push({
      recipient: take(at, 32),
      prekeyNumber: bytes.readUInt16BE(at + 32),
      wrapped: take(at + 34, 48),
      all: take(at, 82),
    });
  return {
    head: take(0, 60),
    rosterHash: take(60, 32),
    ephemeral: take(92, 65),
    commitment: take(157, 32),
    next: take(189, 67),
    count: take(256, 2),
    entries,
    signature: take(end, 64),
  };
}
function checkGroup(v) {
  const callId = b(v.callId);
  const nameOf = (m) => sha(b(m.account), b(m.device), spki(b(m.identityKey)));
  const digest = (count) => {
    const entries = v.members.slice(0, count).map((m) => cat(b(m.participant), nameOf(m)));
    return sha('callsign/ftgk/1 roster\0', callId, u(2, count), ...entries.toSorted(Buffer.compare));
  };
  const join = (m, admission) =>
    cat(
      'callsign/ftgk/1 join\0',
      b('0101'),
      callId,
      b(m.participant),
      b(m.account),
      b(m.device),
      u(4, 2),
      Buffer.alloc(32, 2),
      b(m.prekey),
      admission,
    );
  const unsigned = ({ bytes }) => b(bytes).subarray(0, -64);
  const joined = join(v.members[0], Buffer.alloc(32)).equals(unsigned(v.statements[0]));
  const guests = [1, 2].every((i) => {
    const [admit, entry] = v.statements.slice(2 * i - 1, 2 * i + 1).map(unsigned);
    const expected = cat(
      'callsign/ftgk/1 admit\0',
      b('0101'),
      callId,
      b(v.members[0].participant),
      b(v.members[i].account),
      digest(i),
    );
    return admit.subarray(0, -16).equals(expected) && entry.equals(join(v.members[i], sha(admit)));
  });
  const signed = v.statements.every((s) =>
    verify(b(v.members[s.by].identityKey), unsigned(s), b(s.bytes).subarray(-64)),
  );
  const rosterHash = sha('callsign/ftgk/1 epoch\0', u(4, v.epoch), digest(3));
  const batch = readBatch(b(v.batch));
  const sender = nameOf(v.members[0]);
  const head = cat('FTGK', b('0101'), callId, u(4, v.epoch), u(2, v.epoch), sender);
  const hashes = batch.entries.map((e) => sha(e.all));
  const { ephemeral, commitment } = batch;
  const message = cat(
    'callsign/ftgk/1 keys\0',
    head,
    rosterHash,
    ephemeral,
    commitment,
    batch.next,
    batch.count,
    ...hashes,
  );
  const secrets = v.members.slice(1).map((m) => {
    const own = batch.entries.find((e) => e.recipient.equals(nameOf(m)));
    const to = cat(head, nameOf(m), u(2, own.prekeyNumber));
    const info = cat('callsign/ftgk/1 wrap\0', lp(to), lp(ephemeral), lp(b(m.prekey)));
    const kek = hkdf(dh(privateKey(b(m.prekeyScalar)), ephemeral), rosterHash, info, 64);
    return sivOpen(kek, [to, rosterHash], own.wrapped).toString('hex');
  });
  const secret = b(secrets[0]);
  const derive = (label, n) => hkdf(secret, callId, cat(label, sender, u(4, v.epoch)), n).toString('hex');
  const entries = v.members.map((m) => cat(b(m.account), sha(spki(b(m.identityKey))))).toSorted(Buffer.compare);
  return {
    statements: joined && guests && signed,
    digests: v.statements.map(({ digest: given }, i) => given === digest(1 + (i >> 1)).toString('hex')),
    rosterHash: rosterHash.toString('hex'),
    head: head.equals(batch.head) && rosterHash.equals(batch.rosterHash),
    signed: verify(b(v.members[0].identityKey), message, batch.signature),
    committed: hmac(secret, 'callsign/ftgk/1 commit\0', head).equals(commitment),
    secrets,
    sframe: derive('callsign/ftgk/1 sframe\0', 32),
    srtp: derive('callsign/ftgk/1 srtp\0', 46),
    code: digits(cat('callsign/group-code/1\0', callId, u(2, entries.length), ...entries)),
  };
}

// Section 11: numbers to compare.
function checkSafety({ own, peer }) {
  const ends = [own, peer].map(({ account, resets }) => cat(b(account), u(4, resets))).toSorted(Buffer.compare);
  const side = ({ account, resets, version, hash }) => cat(b(account), u(4, resets), u(4, version), b(hash));
  return {
    number: digits(cat('callsign/safety/1\0', ...ends)),
    qr: cat(u(1, 1), side(own), side(peer)).toString('hex'),
  };
}

/** Everything of one vector, recomputed from its private inputs. */
function recompute(v) {
  const { caller, callee } = v;
  const invitation = openInvitation(b(v.invitation), caller, callee);
  const pending = { sc: privateKey(b(v.sessionEphemeralScalar)), exporter: invitation.exporter, hInv: invitation.hInv };
  const agreed = openAnswer(b(v.answer), pending, callee);
  const keys = keysOf(agreed, b(v.callerNonce), agreed.nonce, caller, callee);
  const hex = (bytes) => bytes.toString('hex');
  return {
    exporter: hex(invitation.exporter),
    invitationHash: hex(invitation.hInv),
    committed: sha(b(v.callerNonce)).equals(invitation.commitment),
    transcript: hex(agreed.transcript),
    secret: hex(agreed.secret),
    confirm: { caller: hex(confirmOf(agreed, 'caller', caller)), callee: hex(confirmOf(agreed, 'callee', callee)) },
    relay: { caller: hex(relayOf(agreed, 'caller')), callee: hex(relayOf(agreed, 'callee')) },
    ...keys,
    signalText: openSignal(keys.signal.caller, b(v.signal.first)),
  };
}

// One call of its own.
let call = null;
const OTHER = { caller: 'callee', callee: 'caller' };
const commands = {
  names: () => ({ names: Object.keys(constructions) }),
  construct: ({ name, input }) => ({ output: constructions[name](input) }),
  bundle: ({ vector }) => checkBundle(vector),
  recompute: ({ vector }) => recompute(vector),
  group: ({ vector }) => checkGroup(vector),
  safety: ({ vector }) => checkSafety(vector),
  invite(command) {
    const made = sealInvitation(command);
    call = { ...command, role: 'caller', made };
    return { sealed: made.sealed.toString('hex') };
  },
  answered({ sealed }) {
    const agreed = openAnswer(b(sealed), call.made, call.callee);
    call = { ...call, agreed, calleeNonce: agreed.nonce, callerNonce: call.made.nonce };
    return {};
  },
  answer({ sealed, caller, callee, now }) {
    const invitation = openInvitation(b(sealed), caller, callee);
    const agreed = sealAnswer(invitation, caller, callee, now);
    const { commitment, callId } = invitation;
    call = {
      role: 'callee',
      caller,
      callee,
      agreed,
      calleeNonce: agreed.nonce,
      commitment,
      callId: callId.toString('hex'),
    };
    return { sealed: agreed.sealed.toString('hex') };
  },
  request: () => ({ datagram: datagram(1, c.randomBytes(12)).toString('hex') }),
  receive(command) {
    const bytes = b(command.datagram);
    const { type, transaction, attributes } = readStun(bytes);
    const peer = OTHER[call.role];
    const mac = attributes[0x1c];
    const covered = Buffer.from(bytes.subarray(0, mac.at));
    covered.writeUInt16BE(mac.at + 36 - 20, 2);
    if (!hmac(relayOf(call.agreed, peer), covered).equals(mac.value)) throw new Error('integrity');
    if (attributes[0xc5c3].value.toString('hex') !== call.callId) throw new Error('call');
    const expected = cat(ROLE[peer], b('000000'), confirmOf(call.agreed, peer, call[peer]));
    if (!attributes[0xc5c1].value.equals(expected)) throw new Error('confirmation');
    if (call.role === 'callee') {
      call.callerNonce = attributes[0xc5c2].value;
      if (!sha(call.callerNonce).equals(call.commitment)) throw new Error('commitment');
    }
    const keys = keysOf(call.agreed, call.callerNonce, call.calleeNonce, call.caller, call.callee);
    return { keys, reply: type === 1 ? datagram(0x101, transaction).toString('hex') : null };
  },
};
function datagram(type, transaction) {
  const { role, agreed } = call;
  const attributes = [
    [0xc5c3, b(call.callId)],
    [0xc5c1, cat(ROLE[role], b('000000'), confirmOf(agreed, role, call[role]))],
  ];
  if (role === 'caller') attributes.push([0xc5c2, call.callerNonce]);
  return stun(type, transaction, attributes, relayOf(agreed, role));
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  let result;
  try {
    result = commands[command.do](command);
  } catch (error) {
    result = { error: String(error) };
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
