import { concat } from '../../bytes/join.ts';
import type { PublicKey, SignatureAlgorithm } from '../path/public-key.ts';
import { verifySignature } from '../path/signature.ts';
import type { SignatureResult } from '../path/signature.ts';
import type { HashName } from './algorithms.ts';
import { curveByName, hashById, hashByName, schemeById } from './algorithms.ts';
import type { PublicArea } from './public.ts';
import { TpmReader } from './reader.ts';
import { leftPad, publicKeyOf } from './spki.ts';

/** TPMT_SIGNATURE (Part 2 §11.3.4) of the asymmetric schemes. */
export type TpmSignature =
  | { readonly scheme: 'rsassa' | 'rsapss'; readonly hash: HashName; readonly signature: Uint8Array }
  | { readonly scheme: 'ecdsa'; readonly hash: HashName; readonly r: Uint8Array; readonly s: Uint8Array };

export function readSignature(bytes: Uint8Array): TpmSignature | null {
  const reader = new TpmReader(bytes);
  const scheme = schemeById(reader.u16())?.name;
  const hash = hashById(reader.u16());
  if (!hash) return null;
  if (scheme === 'rsassa' || scheme === 'rsapss') {
    const signature = reader.sized();
    return reader.whole ? { scheme, hash: hash.name, signature } : null;
  }
  if (scheme !== 'ecdsa') return null;
  const r = reader.sized();
  const s = reader.sized();
  return reader.whole ? { scheme, hash: hash.name, r, s } : null;
}

/** The signature's scheme and hash are the ones the key was made with; a key with scheme NULL takes any of its type. */
export function schemeMatches(signature: TpmSignature, area: PublicArea): boolean {
  if (area.scheme) return area.scheme.name === signature.scheme && area.scheme.hash === signature.hash;
  return (signature.scheme === 'ecdsa') === (area.key.type === 'ecc');
}

/** Whether `signature` over `message` was made by the key of `area`. Never throws. `sha1` is for recorded evidence of old TPMs and off on the product's path. */
export async function verifyTpmSignature(
  signature: TpmSignature,
  area: PublicArea,
  message: Uint8Array,
  rules: { readonly sha1?: boolean } = {},
): Promise<SignatureResult> {
  if (!schemeMatches(signature, area)) return { ok: false, reason: 'signature-algorithm' };
  return verifyUnderKey(signature, publicKeyOf(area.key), message, rules);
}

/** The same where only the key is known, and not what the TPM lets it sign with. */
export async function verifyUnderKey(
  signature: TpmSignature,
  key: PublicKey,
  message: Uint8Array,
  rules: { readonly sha1?: boolean } = {},
): Promise<SignatureResult> {
  const raw = rawSignature(signature, key);
  if (raw === null) return { ok: false, reason: 'signature-invalid' };
  return verifySignature(algorithmOf(signature), key, message, raw, { ...rules, raw: true });
}

/** RSASSA-PSS in a TPM salts with as many bytes as its hash has (Part 1 annex B.7). */
function algorithmOf({ scheme, hash }: TpmSignature): SignatureAlgorithm {
  const { web, size } = hashByName(hash);
  if (scheme === 'ecdsa') return { kind: 'ecdsa', hash: web };
  return scheme === 'rsapss' ? { kind: 'rsa-pss', hash: web, saltLength: size } : { kind: 'rsa-pkcs1', hash: web };
}

/** PKCS #1 octets, or r || s padded to the field size; null when they do not fit. */
function rawSignature(signature: TpmSignature, key: PublicKey): Uint8Array | null {
  if (signature.scheme !== 'ecdsa') return signature.signature;
  if (key.kind !== 'ec') return null;
  const { size } = curveByName(key.curve);
  if (signature.r.length > size || signature.s.length > size) return null;
  return concat(leftPad(signature.r, size), leftPad(signature.s, size));
}
