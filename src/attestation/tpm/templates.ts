import { equal } from '../../bytes/join.ts';
import { fromHex } from '../../bytes/hex.ts';
import type { HashName } from './algorithms.ts';
import { curveByName } from './algorithms.ts';
import { attributes } from './attributes.ts';
import type { EccKey, PublicArea, RsaKey } from './public.ts';
import { DEFAULT_EXPONENT, encodePublic } from './public.ts';

/** The endorsement key templates of the TCG EK Credential Profile 2.6, annex B: name, NV index of the certificate, public area. */
export interface EkTemplate {
  readonly name: string;
  /** NV index where a TPM keeps the certificate of the key that this template makes (profile §2.2.1.4, §2.2.1.5). */
  readonly certificateIndex: number;
  readonly area: PublicArea;
}

/** PolicySecret(endorsement hierarchy): annex B.3. */
const POLICY_A = '837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa';
/** PolicyA or what an NV index authorizes: annex B.6.5. */
const POLICY_B: Readonly<Record<Exclude<HashName, 'sha1'>, string>> = {
  sha256: 'ca3d0a99a2b93906f7a3342414efcfb3a385d44cd1fd459089d19b5071c0b7a0',
  sha384: 'b26e7d28d11a50bc53d882bcf5fd3a1a074148bb35d3b4e4cb1c0ad9bde419cacb47ba09699646150f9fc000f3f80e12',
  sha512:
    'b8221ca69e8550a4914de3faa6a18c072cc01208073a928d5d66d59ef79e49a429c41a6b269571d57edb25fbdb1838425608b413cd616a5f6db5b6071af99bea',
};

const LOW = attributes('fixedTPM', 'fixedParent', 'sensitiveDataOrigin', 'adminWithPolicy', 'restricted', 'decrypt');
const HIGH = LOW | attributes('userWithAuth');

function low(name: string, certificateIndex: number, key: RsaKey | EccKey): EkTemplate {
  const authPolicy = fromHex(POLICY_A)!;
  return {
    name,
    certificateIndex,
    area: { nameAlg: 'sha256', attributes: LOW, authPolicy, symmetric: 128, scheme: null, key },
  };
}

function high(
  name: string,
  certificateIndex: number,
  nameAlg: keyof typeof POLICY_B,
  symmetric: 128 | 256,
  key: RsaKey | EccKey,
): EkTemplate {
  const authPolicy = fromHex(POLICY_B[nameAlg])!;
  return { name, certificateIndex, area: { nameAlg, attributes: HIGH, authPolicy, symmetric, scheme: null, key } };
}

/** Low-range templates fill `unique` with zeros, high-range ones leave it empty. */
function rsa(bits: number, unique: number): RsaKey {
  return { type: 'rsa', bits, exponent: DEFAULT_EXPONENT, modulus: new Uint8Array(unique) };
}

function ecc(curve: EccKey['curve'], padded: boolean): EccKey {
  const size = padded ? curveByName(curve).size : 0;
  return { type: 'ecc', curve, kdf: null, x: new Uint8Array(size), y: new Uint8Array(size) };
}

export const EK_TEMPLATES: readonly EkTemplate[] = [
  low('L-1', 0x01c00002, rsa(2048, 256)),
  low('L-2', 0x01c0000a, ecc('P-256', true)),
  high('H-1', 0x01c00012, 'sha256', 128, rsa(2048, 0)),
  high('H-2', 0x01c00014, 'sha256', 128, ecc('P-256', false)),
  high('H-3', 0x01c00016, 'sha384', 256, ecc('P-384', false)),
  high('H-4', 0x01c00018, 'sha512', 256, ecc('P-521', false)),
  high('H-6', 0x01c0001c, 'sha384', 256, rsa(3072, 0)),
  high('H-7', 0x01c0001e, 'sha384', 256, rsa(4096, 0)),
];

/** The template that made this endorsement key: everything but the key's own number or point is equal. */
export function ekTemplateOf(area: PublicArea): EkTemplate | null {
  const shape = shapeOf(area);
  return EK_TEMPLATES.find((template) => equal(shapeOf(template.area), shape)) ?? null;
}

function shapeOf(area: PublicArea): Uint8Array {
  const empty = new Uint8Array(0);
  const key = area.key.type === 'rsa' ? { ...area.key, modulus: empty } : { ...area.key, x: empty, y: empty };
  return encodePublic({ ...area, key });
}
