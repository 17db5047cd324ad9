import { concat } from '../../bytes/join.ts';
import type { HashName } from './algorithms.ts';
import { curveByName, hashById, hashByName, schemeById } from './algorithms.ts';
import type { PublicArea } from './public.ts';
import { TpmReader } from './reader.ts';
import { leftPad, spkiOf } from './spki.ts';

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

/** Whether `signature` over `message` was made by the key of `area`. False, never an exception, for a key that is not on its curve. */
export async function verifySignature(
  signature: TpmSignature,
  area: PublicArea,
  message: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  const raw = rawSignature(signature, area);
  const { web, size } = hashByName(signature.hash);
  if (!raw || !schemeMatches(signature, area)) return false;
  const [algorithm, usage] = algorithms(signature, area, web, size);
  try {
    const key = await crypto.subtle.importKey('spki', spkiOf(area.key), algorithm, false, ['verify']);
    return await crypto.subtle.verify(usage, key, raw, message);
  } catch {
    return false;
  }
}

function algorithms(
  signature: TpmSignature,
  area: PublicArea,
  hash: string,
  saltLength: number,
): [RsaHashedImportParams | EcKeyImportParams, AlgorithmIdentifier | RsaPssParams | EcdsaParams] {
  if (area.key.type === 'ecc')
    return [
      { name: 'ECDSA', namedCurve: area.key.curve },
      { name: 'ECDSA', hash },
    ];
  if (signature.scheme === 'rsapss')
    return [
      { name: 'RSA-PSS', hash },
      { name: 'RSA-PSS', saltLength },
    ];
  return [{ name: 'RSASSA-PKCS1-v1_5', hash }, { name: 'RSASSA-PKCS1-v1_5' }];
}

/** What WebCrypto verifies: the PKCS #1 octets, or r || s padded to the field size; null when it cannot be of this key. */
function rawSignature(signature: TpmSignature, area: PublicArea): Uint8Array<ArrayBuffer> | null {
  if (signature.scheme !== 'ecdsa') return area.key.type === 'rsa' ? concat(signature.signature) : null;
  if (area.key.type !== 'ecc') return null;
  const { size } = curveByName(area.key.curve);
  if (signature.r.length > size || signature.s.length > size) return null;
  return concat(leftPad(signature.r, size), leftPad(signature.s, size));
}
