/** cryptography.md sections 10 and 11. */
import { b, cat, digits, hkdf, hmac, lp, publicKey, sha, sivSeal, spki, u, verify } from '../primitives.mjs';

const hex = (bytes) => bytes.toString('hex');
const statement = (i, kind, ...fields) =>
  cat(`callsign/ftgk/1 ${kind}\0`, u(1, 1), u(1, 1), b(i.callId), b(i.participant), ...fields);
const STATEMENTS = {
  admit: (i) => statement(i, 'admit', b(i.account), b(i.rosterDigest), b(i.nonce)),
  join: (i) => {
    const manifest = cat(u(4, i.manifestVersion), b(i.manifestHash));
    return statement(i, 'join', b(i.account), b(i.device), manifest, b(i.prekey), b(i.admission));
  },
  remove: (i) => statement(i, 'remove', b(i.removed)),
  leave: (i) => statement(i, 'leave'),
};
/** Fields behind the participant id, with their lengths. */
const FIELDS = {
  admit: { account: 32, rosterDigest: 32, nonce: 16 },
  join: { account: 32, device: 16, manifestVersion: 4, manifestHash: 32, prekey: 65, admission: 32 },
  remove: { removed: 16 },
  leave: {},
};
const common = (i) =>
  cat(b(i.head), b(i.rosterHash), b(i.ephemeral), b(i.commitment), b(i.nextPrekey), u(2, i.nextPrekeyNumber));
const rosterDigest = (callId, members) => {
  const entries = members.map((m) => cat(b(m.participant), b(m.name)));
  return hex(sha('callsign/ftgk/1 roster\0', b(callId), u(2, entries.length), ...sorted(entries)));
};
const nameOf = (i) => hex(sha(b(i.account), b(i.device), spki(b(i.identityKey))));

/** A text of base64url, strictly: nothing that would be written otherwise. */
function raw(text) {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : null;
}

/** An entry of the log as it was written, or null. */
function readProof(callId, bytes) {
  for (const [kind, fields] of Object.entries(FIELDS)) {
    const domain = cat(`callsign/ftgk/1 ${kind}\0`, u(1, 1), u(1, 1), b(callId));
    if (!bytes.subarray(0, domain.length).equals(domain)) continue;
    let at = domain.length;
    const take = (length) => hex(bytes.subarray(at, (at += length)));
    const read = { kind, participant: take(16) };
    for (const [name, length] of Object.entries(fields)) read[name] = take(length);
    read.signed = bytes.subarray(0, at);
    read.signature = bytes.subarray(at, (at += 64));
    if (at > bytes.length || (kind === 'join' ? !endsInCertificates(bytes.subarray(at)) : at < bytes.length))
      return null;
    return read;
  }
  return null;
}

function endsInCertificates(bytes) {
  const count = bytes[0] ?? 0;
  let at = 1;
  for (let i = 0; i < count && at + 4 <= bytes.length; i++) at += 4 + bytes.readUInt32BE(at);
  return count >= 1 && count <= 6 && at === bytes.length;
}

const NO_ADMISSION = '00'.repeat(32);

/** The rules of section 10 for a log: entry by entry whether it counts, and the digest after it. */
function fold({ callId, founder, devices, entries }) {
  const members = new Map();
  const admissions = new Map();
  const used = new Set();
  const digests = new Set();
  let creator = null;
  const digest = () => rosterDigest(callId, [...members.values()]);

  function joins(e) {
    const device = devices.find((one) => one.account === e.account && one.device === e.device);
    if (!device || used.has(e.participant) || !isPoint(b(e.prekey))) return false;
    if (!verify(b(device.identityKey), e.signed, e.signature)) return false;
    const name = nameOf(device);
    const before = [...members.values()].find((one) => one.name === name);
    if (before === undefined && members.size >= 33) return false;
    if (before !== undefined) {
      members.delete(before.participant);
      if (creator === before.participant) creator = e.participant;
      for (const one of admissions.values()) if (one.by === before.participant) one.by = e.participant;
    }
    used.add(e.participant);
    members.set(e.participant, { ...e, name, identityKey: device.identityKey });
    return true;
  }

  function counts(e, first) {
    if (e === null) return false;
    if (first) {
      if (e.kind !== 'join' || hex(sha(e.signed)) !== founder || e.admission !== NO_ADMISSION) return false;
      creator = e.participant;
      return joins(e);
    }
    if (e.kind === 'join') {
      const own = members.get(creator);
      const again = e.admission === NO_ADMISSION && own?.account === e.account && own?.device === e.device;
      return (again || admissions.get(e.admission)?.account === e.account) && joins(e);
    }
    const signer = members.get(e.participant);
    if (!signer || !verify(b(signer.identityKey), e.signed, e.signature)) return false;
    if (e.kind === 'admit') {
      if (digests.has(e.rosterDigest)) admissions.set(hex(sha(e.signed)), { account: e.account, by: e.participant });
      return digests.has(e.rosterDigest);
    }
    if (e.kind === 'remove') {
      const target = members.get(e.removed);
      if (!target || (creator !== e.participant && admissions.get(target.admission)?.by !== e.participant))
        return false;
      admissions.delete(target.admission);
    }
    members.delete(e.kind === 'remove' ? e.removed : e.participant);
    return true;
  }

  return entries.map((text, i) => {
    const bytes = raw(text);
    const counted = (i === 0 || creator !== null) && counts(bytes && readProof(callId, bytes), i === 0);
    if (i === 0 && !counted) creator = null;
    if (counted) digests.add(digest());
    return { counts: counted, digest: creator === null ? null : digest() };
  });
}

function isPoint(bytes) {
  try {
    return bytes[0] === 4 && publicKey(bytes) !== null;
  } catch {
    return false;
  }
}

function readBatch(bytes) {
  let at = 0;
  const take = (length) => hex(bytes.subarray(at, (at += length)));
  const number = () => Number.parseInt(take(2), 16);
  const read = {
    head: take(60),
    rosterHash: take(32),
    ephemeral: take(65),
    commitment: take(32),
    nextPrekey: take(65),
    nextPrekeyNumber: number(),
  };
  const count = number();
  if (count > 32 || bytes.length !== at + count * 82 + 64) return null;
  const entries = Array.from({ length: count }, () => ({
    recipient: take(32),
    prekeyNumber: number(),
    wrapped: take(48),
  }));
  return { ...read, entries, signature: take(64) };
}
const head = (i) => cat('FTGK', u(1, 1), u(1, 1), b(i.callId), u(4, i.epoch), u(2, i.epoch % 65_536), b(i.sender));
const to = (i) => cat(b(i.head), b(i.recipient), u(2, i.prekeyNumber));
const sorted = (list) => list.toSorted(Buffer.compare);
const media = (i, label, n) => hex(hkdf(b(i.secret), b(i.callId), cat(label, b(i.sender), u(4, i.epoch)), n));
const known = (i) => cat(b(i.account), u(4, i.resets));
const side = (i) => cat(known(i), u(4, i.version), b(i.hash));

export const groups = {
  'group/admit': (i) => hex(STATEMENTS.admit(i)),
  'group/join': (i) => hex(STATEMENTS.join(i)),
  'group/remove': (i) => hex(STATEMENTS.remove(i)),
  'group/leave': (i) => hex(STATEMENTS.leave(i)),
  'group/proof': (i) => {
    const { certificates = [] } = i;
    const chain = i.kind === 'join' ? [u(1, certificates.length), ...certificates.map((one) => lp(b(one)))] : [];
    return cat(STATEMENTS[i.kind](i), b(i.signature), ...chain).toString('base64url');
  },
  'group/log': fold,
  'group/invited': (i) => {
    const [founder, admission] = [i.founder, i.admission].map((one) => b(one).toString('base64url'));
    return { group: { founder, admission }, must: ['group'] };
  },
  'group/name': nameOf,
  'group/roster-digest': (i) => rosterDigest(i.callId, i.members),
  'group/roster-hash': (i) => hex(sha('callsign/ftgk/1 epoch\0', u(4, i.epoch), b(i.digest))),
  'group/head': (i) => hex(head(i)),
  'group/wrapping-key': (i) =>
    hex(
      hkdf(
        b(i.shared),
        b(i.rosterHash),
        cat('callsign/ftgk/1 wrap\0', lp(to(i)), lp(b(i.ephemeral)), lp(b(i.prekey))),
        64,
      ),
    ),
  'group/wrapped': (i) => hex(sivSeal(b(i.key), [to(i), b(i.rosterHash)], b(i.secret))),
  'group/commitment': (i) => hex(hmac(b(i.secret), 'callsign/ftgk/1 commit\0', b(i.head))),
  'group/entry': (i) => hex(sha(b(i.recipient), u(2, i.prekeyNumber), b(i.wrapped))),
  'group/signed-keys': (i) => hex(cat('callsign/ftgk/1 keys\0', common(i), u(2, i.hashes.length), ...i.hashes.map(b))),
  'group/batch': (i) => {
    const entries = i.entries.map((one) => cat(b(one.recipient), u(2, one.prekeyNumber), b(one.wrapped)));
    return cat(common(i), u(2, entries.length), ...entries, b(i.signature)).toString('base64url');
  },
  'group/read-batch': (i) => {
    const bytes = raw(i.body);
    return bytes && readBatch(bytes);
  },
  'group/sframe': (i) => media(i, 'callsign/ftgk/1 sframe\0', 32),
  'group/srtp': (i) => media(i, 'callsign/ftgk/1 srtp\0', 46),
  'group/code': (i) => {
    const members = i.members.map((m) => cat(b(m.account), b(m.spki)));
    return digits(cat('callsign/group-code/1\0', b(i.callId), u(2, members.length), ...sorted(members)));
  },
  'safety/number': (i) => digits(cat('callsign/safety/1\0', ...sorted([known(i.one), known(i.other)]))),
  'safety/scanned': (i) => hex(cat(u(1, 1), side(i.own), side(i.peer))),
};
