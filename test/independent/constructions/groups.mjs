/** cryptography.md sections 10 and 11. */
import { b, cat, digits, hkdf, hmac, lp, sha, sivSeal, spki, u } from '../primitives.mjs';

const hex = (bytes) => bytes.toString('hex');
const statement = (i, kind, ...fields) =>
  hex(cat(`callsign/ftgk/1 ${kind}\0`, u(1, 1), u(1, 1), b(i.callId), b(i.participant), ...fields));
const head = (i) => cat('FTGK', u(1, 1), u(1, 1), b(i.callId), u(4, i.epoch), u(2, i.epoch % 65_536), b(i.sender));
const to = (i) => cat(b(i.head), b(i.recipient), u(2, i.prekeyNumber));
const sorted = (list) => list.toSorted(Buffer.compare);
const media = (i, label, n) => hex(hkdf(b(i.secret), b(i.callId), cat(label, b(i.sender), u(4, i.epoch)), n));
const known = (i) => cat(b(i.account), u(4, i.resets));
const side = (i) => cat(known(i), u(4, i.version), b(i.hash));

export const groups = {
  'group/admit': (i) => statement(i, 'admit', b(i.account), b(i.rosterDigest), b(i.nonce)),
  'group/join': (i) =>
    statement(
      i,
      'join',
      b(i.account),
      b(i.device),
      u(4, i.manifestVersion),
      b(i.manifestHash),
      b(i.prekey),
      b(i.admission),
    ),
  'group/remove': (i) => statement(i, 'remove', b(i.removed)),
  'group/leave': (i) => statement(i, 'leave'),
  'group/name': (i) => hex(sha(b(i.account), b(i.device), spki(b(i.identityKey)))),
  'group/roster-digest': (i) => {
    const entries = i.members.map((m) => cat(b(m.participant), b(m.name)));
    return hex(sha('callsign/ftgk/1 roster\0', b(i.callId), u(2, entries.length), ...sorted(entries)));
  },
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
  'group/signed-keys': (i) =>
    hex(
      cat(
        'callsign/ftgk/1 keys\0',
        b(i.head),
        b(i.rosterHash),
        b(i.ephemeral),
        b(i.commitment),
        b(i.nextPrekey),
        u(2, i.nextPrekeyNumber),
        u(2, i.hashes.length),
        ...i.hashes.map(b),
      ),
    ),
  'group/sframe': (i) => media(i, 'callsign/ftgk/1 sframe\0', 32),
  'group/srtp': (i) => media(i, 'callsign/ftgk/1 srtp\0', 46),
  'group/code': (i) => {
    const members = i.members.map((m) => cat(b(m.account), b(m.spki)));
    return digits(cat('callsign/group-code/1\0', b(i.callId), u(2, members.length), ...sorted(members)));
  },
  'safety/number': (i) => digits(cat('callsign/safety/1\0', ...sorted([known(i.one), known(i.other)]))),
  'safety/scanned': (i) => hex(cat(u(1, 1), side(i.own), side(i.peer))),
};
