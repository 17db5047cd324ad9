/** What is signed about a recovery: by the directory key, by a device, by the recovery key. Compact JWS, as in jws.ts. */
import * as v from 'valibot';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { utf8 } from '../../bytes/utf8.ts';
import type { KeySet } from '../../protocol/handle.ts';
import { TYP } from '../../protocol/identity.ts';
import { RECOVERY_KID } from '../../protocol/manifest.ts';
import { RecoveryClaims, RECOVERY, ResetClaims, VetoClaims } from '../../protocol/recovery.ts';
import { spkiOf } from '../jwk.ts';
import { compactInput, readCompact } from '../jws.ts';
import { type Head, keyOf } from '../manifest/head.ts';
import type { Plan, SignatureCheck } from '../signature.ts';

const LIMIT = 2_048;

interface Draft {
  readonly input: Uint8Array<ArrayBuffer>;
  seal(signature: Uint8Array): string;
}

function draft(typ: string, kid: string, claims: object): Draft {
  const input = compactInput(typ, kid, claims);
  return { input: utf8(input), seal: (signature) => `${input}.${base64url(signature)}` };
}

export const draftReset = (claims: ResetClaims, kid: string): Draft => draft(TYP.reset, kid, claims);
/** The header's kid is the device. */
export const draftVeto = (claims: VetoClaims): Draft => draft(TYP.veto, claims.device, claims);
export const draftRecovery = (claims: RecoveryClaims): Draft => draft(TYP.recovery, RECOVERY_KID, claims);

type Read<T> = Plan<T, 'signature-invalid'> | { readonly ok: false; readonly reason: string };

function plan<T>(check: SignatureCheck, value: T): Read<T> {
  const checks = [check];
  const conclude: Plan<T, 'signature-invalid'>['conclude'] = (holds) =>
    holds(check, 0) ? { ok: true, value } : { ok: false, reason: 'signature-invalid' };
  return { ok: true, checks, conclude };
}

/** A reset as a client reads it: by a key of the deployment's key set, from its issuer. */
export function readReset(text: string, issuer: string, keys: KeySet): Read<ResetClaims> {
  const jws = readCompact(text, TYP.reset, LIMIT);
  const claims = v.safeParse(ResetClaims, jws?.claims);
  const jwk = keys.keys.find(({ kid }) => kid === jws?.kid);
  const spki = jwk && spkiOf(jwk);
  if (!jws || !claims.success) return { ok: false, reason: 'malformed' };
  if (!spki) return { ok: false, reason: 'unknown-key' };
  return claims.output.iss === issuer ? plan(jws.under(spki), claims.output) : { ok: false, reason: 'issuer' };
}

/** A veto, under the key of a device that this head has. */
export function readVeto(text: string, head: Head): Read<VetoClaims> {
  const jws = readCompact(text, TYP.veto, LIMIT);
  const claims = v.safeParse(VetoClaims, jws?.claims);
  if (!jws || !claims.success || claims.output.device !== jws.kid) return { ok: false, reason: 'malformed' };
  if (claims.output.sub !== head.account) return { ok: false, reason: 'account' };
  const key = keyOf(head, jws.kid);
  const spki = key === null ? null : fromBase64url(key);
  return spki ? plan(jws.under(spki), claims.output) : { ok: false, reason: 'unknown-key' };
}

/** What the recovery key asks for, and its SubjectPublicKeyInfo; `now` in ms. Replayed within its time it asks the same again. */
export function readRecovery(
  text: string,
  audience: string,
  now: number,
): Read<{ of: string; key: Uint8Array<ArrayBuffer> }> {
  const jws = readCompact(text, TYP.recovery, LIMIT);
  const claims = v.safeParse(RecoveryClaims, jws?.claims);
  if (!jws || !claims.success || jws.kid !== RECOVERY_KID) return { ok: false, reason: 'malformed' };
  const { aud, of, x, y, iat } = claims.output;
  const key = spkiOf({ x, y });
  if (aud !== audience || !key) return { ok: false, reason: 'audience' };
  if (Math.abs(now / 1_000 - iat) > RECOVERY.statementS) return { ok: false, reason: 'time' };
  return plan(jws.under(key), { of, key });
}
