/** What a device signs to prove who asks: drafts whose `input` goes to the identity key (ES256) and whose `seal` makes the JWS. */
import { sha256 } from '@noble/hashes/sha2.js';
import { base64url } from '../bytes/base64url.ts';
import { canonicalJson } from '../bytes/jcs.ts';
import { utf8 } from '../bytes/utf8.ts';
import type { Hello } from '../protocol/courier.ts';
import { TYP } from '../protocol/identity.ts';
import type { ClientAssertionClaims, DpopClaims } from '../protocol/request.ts';
import { publicJwk } from '../directory/jwk.ts';

export interface JwsDraft {
  readonly input: Uint8Array<ArrayBuffer>;
  /** The compact JWS, from r || s. */
  seal(signature: Uint8Array): string;
}

/** Public part of the identity key as it stands in a DPoP header. */
interface BareJwk {
  readonly crv: 'P-256';
  readonly kty: 'EC';
  readonly x: string;
  readonly y: string;
}

function draft(header: object, claims: object): JwsDraft {
  const input = `${base64url(utf8(JSON.stringify(header)))}.${base64url(utf8(JSON.stringify(claims)))}`;
  return { input: utf8(input), seal: (signature) => `${input}.${base64url(signature)}` };
}

/** `x5c` (RFC 7515 §4.1.6): standard base64 with padding, leaf first. */
function x5c(chain: readonly Uint8Array[]): string[] {
  return chain.map((der) => {
    const text = base64url(der).replaceAll('-', '+').replaceAll('_', '/');
    return text.padEnd(Math.ceil(text.length / 4) * 4, '=');
  });
}

export function clientAssertion(chain: readonly Uint8Array[], claims: ClientAssertionClaims): JwsDraft {
  return draft({ alg: 'ES256', typ: TYP.clientAuthentication, x5c: x5c(chain) }, claims);
}

export function hello(chain: readonly Uint8Array[], claims: Hello): JwsDraft {
  return draft({ alg: 'ES256', typ: TYP.hello, x5c: x5c(chain) }, claims);
}

/** `key`: the identity key's SubjectPublicKeyInfo. */
export function dpopProof(key: Uint8Array, claims: DpopClaims): JwsDraft {
  return draft({ alg: 'ES256', typ: TYP.dpop, jwk: bareJwk(key) }, claims);
}

function bareJwk(key: Uint8Array): BareJwk {
  const { x, y } = publicJwk('', key);
  return { crv: 'P-256', kty: 'EC', x, y };
}

/** JWK thumbprint (RFC 7638) of a P-256 SubjectPublicKeyInfo, base64url. */
export function thumbprint(key: Uint8Array): string {
  return base64url(sha256(utf8(canonicalJson(bareJwk(key))!)));
}

/** `ath` (RFC 9449 §4.2): SHA-256 of the access token's ASCII text, base64url. */
export function tokenHash(accessToken: string): string {
  return base64url(sha256(utf8(accessToken)));
}
