/** directory.md, identity.md section 1, enrollment.md section 2, courier.md (Push), native.md. */
import * as c from 'node:crypto';
import { b, cat, hkdf, hmac, lp, NONE, privateKey, sha, spki, u } from '../primitives.mjs';

const hex = (bytes) => bytes.toString('hex');
const text = (bytes) => bytes.toString('base64url');
const utf8 = (value) => Buffer.from(value);

/** RFC 4648 section 6, lower case, no padding. */
function base32(bytes) {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{1,5}/g) ?? []).map((five) => alphabet[Number.parseInt(five.padEnd(5, '0'), 2)]).join('');
}
/** RFC 8785 for strings, integers, booleans, null, lists and objects. */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const names = Object.keys(value).toSorted();
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`;
}
const eight = (digest) => String(digest.readBigUInt64BE() % 10n ** 8n).padStart(8, '0');
const linkSide = (s) => cat(b(s.device), lp(b(s.key)), b(s.nonce));
const manifestInput = (i, header) => text(utf8(canonical(header))) + '.' + text(utf8(i.payload));
function recoveryKey(i) {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const wide = BigInt(`0x${hex(hkdf(b(i.secret), NONE, 'callsign/recovery-key/1\0', 48))}`);
  return privateKey(u(32, (wide % (order - 1n)) + 1n)).point;
}

export const account = {
  'account/id': (i) => base32(sha(utf8(i.payload))),
  'device/id': (i) => base32(b(i.device)),
  'manifest/payload': (i) => canonical(i.manifest),
  'manifest/hash': (i) => text(sha(utf8(i.payload))),
  'manifest/signed': (i) => manifestInput(i, { alg: 'ES256', kid: i.device, typ: 'callsign-manifest+jws' }),
  'manifest/signed-by-recovery-key': (i) => {
    const jwk = { crv: 'P-256', kty: 'EC', x: i.x, y: i.y };
    return manifestInput(i, { alg: 'ES256', jwk, kid: 'recovery', typ: 'callsign-manifest+jws' });
  },
  'handle/commitment': (i) => text(hmac(b(i.salt), i.canonical)),
  'handle/code': (i) =>
    text(
      hmac(b(i.key), 'callsign/code/1\0', ...[i.account, i.device, i.canonical, i.code].map((part) => lp(utf8(part)))),
    ),
  'keys/digest': (i) => {
    const batches = i.batches
      .toSorted((x, y) => x.firstKeyId - y.firstKeyId)
      .map((one) => cat(b(one.batchId), u(4, one.firstKeyId), u(4, one.count), b(one.root)));
    return text(sha('callsign/keys/1\0', lp(b(i.bundleHash)), u(4, batches.length), ...batches));
  },
  capability: (i) => {
    const [kid, expiry, epoch] = [u(4, i.keyId), u(8, i.expiry), u(4, i.epoch)];
    const ids = [i.callerAccount, i.callerDevice, i.calleeAccount, i.calleeDevice].map((id) => lp(b(id)));
    const covered = ['callsign/capability/1\0', u(1, 1), kid, ...ids, lp(utf8(i.purpose)), expiry, epoch];
    return text(cat(u(1, 1), kid, expiry, epoch, hmac(b(i.key), ...covered)));
  },
  'link/invitation': (i) => text(cat(u(1, 1), b(i.account), b(i.link), b(i.secret))),
  'link/commitment': (i) => hex(sha('callsign/link-commitment/1\0', b(i.link), b(i.account), linkSide(i.newcomer))),
  'link/code': (i) => {
    const { version, hash } = i.head;
    const sides = [linkSide(i.sponsor), linkSide(i.newcomer)];
    const code = eight(sha('callsign/link-code/1\0', b(i.link), b(i.account), u(4, version), b(hash), ...sides));
    return `${code.slice(0, 4)} ${code.slice(4)}`;
  },
  'recovery/key': (i) => {
    const point = recoveryKey(i);
    return { point: hex(point), keyHash: text(sha(spki(point))) };
  },
  'recovery/text': (i) => {
    const check = sha('callsign/recovery-text/1\0', b(i.secret)).subarray(0, 3);
    return base32(cat(b(i.secret), check))
      .match(/.{4}/g)
      .join('-');
  },
  'enrollment/transcript': (i) =>
    hex(
      sha(
        'callsign/enrol/1',
        lp(utf8(i.origin)),
        lp(utf8(i.format)),
        sha(i.token),
        ...[utf8(i.purpose), b(i.device), b(i.key), b(i.account)].map(lp),
      ),
    ),
  'renewal/transcript': (i) =>
    hex(
      sha(
        'callsign/renew/1',
        lp(utf8(i.origin)),
        sha(i.token),
        ...[i.device, i.key, i.account, i.serial].map(b).map(lp),
      ),
    ),
  'voucher/signed': (i) => hex(cat('callsign/link/1', b(i.transcript))),
  'push/tag': (i) => {
    const nonce = hmac(b(i.secret), 'callsign/push-nonce/1\0', lp(utf8(i.ring))).subarray(0, 8);
    const mac = hmac(b(i.secret), 'callsign/push-tag/1\0', nonce, lp(utf8(i.account))).subarray(0, 16);
    return text(cat(nonce, mac));
  },
  'native/shown-call': (i) => {
    const bytes = c.createHash('sha256').update(`callsign/shown-call/1\0${i.text}`).digest().subarray(0, 16);
    bytes[6] = (bytes[6] % 16) + 0x80;
    bytes[8] = (bytes[8] % 64) + 0x80;
    return hex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  },
};
