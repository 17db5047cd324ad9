import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import * as v from 'valibot';
import type { ActivationState } from '../attestation/tpm/activation.ts';
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { concat, equal, lp } from '../bytes/join.ts';
import { fromUtf8, utf8 } from '../bytes/utf8.ts';
import type { MacKey } from './services.ts';

/**
 * What the server must remember between the two steps of a TPM's enrollment, carried by the client under our MAC:
 * `<kid>.<state>.<mac>`. It holds nothing secret, and belongs to one challenge, which is used once.
 */
const DOMAIN = utf8('callsign/activation/1\0');
const MAX_LENGTH = 1_024;
const State = v.object({
  nonce: v.string(),
  endorsementKey: v.string(),
  attestationKey: v.string(),
  proof: v.string(),
});

function macOf({ kid, secret }: MacKey, state: Uint8Array): Uint8Array {
  return hmac(sha256, secret, concat(DOMAIN, lp(utf8(kid)), state));
}

export function sealActivation(key: MacKey, state: ActivationState): string {
  const bytes = utf8(JSON.stringify(state));
  return `${key.kid}.${base64url(bytes)}.${base64url(macOf(key, bytes))}`;
}

/** Null for anything that is not ours, or of another challenge: `nonce` is the enrollment's, which is used once. */
export function openActivation(keys: readonly MacKey[], sealed: unknown, nonce: Uint8Array): ActivationState | null {
  if (typeof sealed !== 'string' || sealed.length > MAX_LENGTH) return null;
  const [kid, body = '-', seal = '-'] = sealed.split('.');
  const key = keys.find((one) => one.kid === kid);
  const [bytes, mac] = [fromBase64url(body), fromBase64url(seal)];
  if (!key || !bytes || !mac || !equal(macOf(key, bytes), mac)) return null;
  const parsed = v.safeParse(State, JSON.parse(fromUtf8(bytes) ?? 'null'));
  return parsed.success && parsed.output.nonce === base64url(nonce) ? parsed.output : null;
}
