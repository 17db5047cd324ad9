/** identity.md sections 3 to 5, directory.md sections 2 and 7: what proves who asks, and signed statements. */
import { b, cat, hmac, lp, sha, spki, u, verify } from '../primitives.mjs';

const text = (bytes) => bytes.toString('base64url');
const utf8 = (value) => Buffer.from(value);
const json = (part) => JSON.parse(Buffer.from(part, 'base64url').toString());
const jkt = (x, y) => text(sha(JSON.stringify({ crv: 'P-256', kty: 'EC', x, y })));

/** A compact JWS of this typ, by this point; its header has these members and no other. */
function read(jws, typ, members, point) {
  const [header, payload, signature] = jws.split('.');
  const head = json(header);
  const exact = Object.keys(head).length === members.length + 2 && members.every((name) => name in head);
  if (!exact || head.alg !== 'ES256' || head.typ !== typ) return null;
  const key = point ?? cat(b('04'), Buffer.from(head.jwk.x, 'base64url'), Buffer.from(head.jwk.y, 'base64url'));
  return verify(key, utf8(`${header}.${payload}`), Buffer.from(signature, 'base64url'))
    ? { head, claims: json(payload) }
    : null;
}
const statement = (typ) => (i) => {
  const jws = read(i.jws, typ, ['kid'], b(i.key));
  return jws && { kid: jws.head.kid, claims: jws.claims };
};
const chained = (typ) => (i) => {
  const jws = read(i.jws, typ, ['x5c'], b(i.key));
  return jws && { chain: jws.head.x5c.map((der) => Buffer.from(der, 'base64').toString('hex')), claims: jws.claims };
};

export const requests = {
  'proof/thumbprint': (i) => {
    const [x, y] = [b(i.key).subarray(1, 33), b(i.key).subarray(33)].map(text);
    return jkt(x, y);
  },
  'proof/token-hash': (i) => text(sha(i.token)),
  'proof/dpop': (i) => {
    const jws = read(i.jws, 'dpop+jwt', ['jwk'], null);
    if (!jws) return null;
    const { htm, htu, iat, ath, jti } = jws.claims;
    if (htm !== i.method || htu !== i.url || ath !== text(sha(i.token)) || Math.abs(iat - i.now) > 60) return null;
    return { jkt: jkt(jws.head.jwk.x, jws.head.jwk.y), jti };
  },
  'proof/client-assertion': chained('client-authentication+jwt'),
  'proof/hello': chained('callsign-hello+jws'),
  'nonce/stateless': (i) => {
    const ids = [i.purpose, i.device, i.account, i.detail].map((one) => lp(utf8(one)));
    const payload = cat(b(i.random), u(8, i.expiry), ...ids);
    return `${i.kid}.${text(payload)}.${text(hmac(b(i.key), 'callsign/nonce/1\0', lp(utf8(i.kid)), payload))}`;
  },
  'nonce/dpop': (i) => {
    const bucket = u(8, Math.floor(i.seconds / 120));
    return `${i.kid}.${text(hmac(b(i.key), 'callsign/dpop-nonce/1\0', lp(utf8(i.kid)), bucket).subarray(0, 16))}`;
  },
  'statement/handle': statement('callsign-handle+jwt'),
  'statement/reset': statement('callsign-reset+jwt'),
  'statement/veto': statement('callsign-veto+jws'),
  'statement/recovery': (i) => {
    const jws = json(i.jws.split('.')[1]);
    const point = cat(b('04'), Buffer.from(jws.x, 'base64url'), Buffer.from(jws.y, 'base64url'));
    const checked = read(i.jws, 'callsign-recovery+jws', ['kid'], point);
    if (!checked || checked.head.kid !== 'recovery' || jws.aud !== i.audience) return null;
    return { of: jws.of, key: spki(point).toString('hex') };
  },
};
