/** Key derivation and credential protection of TPMs, recomputed. */
import type { HashName } from '../../src/attestation/tpm/algorithms.ts';
import { protectSecret } from '../../src/attestation/tpm/credential.ts';
import type { Encapsulation } from '../../src/attestation/tpm/encapsulation.ts';
import { encapsulateEcc, encapsulateRsa } from '../../src/attestation/tpm/encapsulation.ts';
import { kdfa, kdfe } from '../../src/attestation/tpm/kdf.ts';
import { readPublic } from '../../src/attestation/tpm/public.ts';
import type { EccKey, PublicArea, RsaKey } from '../../src/attestation/tpm/public.ts';
import { EK_TEMPLATES } from '../../src/attestation/tpm/templates.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import type { Answer } from './judge.ts';
import { bytes, type Vector } from './vector.ts';

type Input = { readonly [name: string]: string };
type Output = NonNullable<Vector['expect']['output']>;

/** Right when every output is reproduced to the byte. */
export async function tpmCredential(vector: Vector): Promise<Answer> {
  const [made, expected] = [await compute(vector), vector.expect.output ?? {}];
  const wrong = Object.keys(expected).filter((name) => made[name] !== expected[name]);
  return wrong.length === 0
    ? { decision: 'accept', reason: '' }
    : { decision: 'refuse', reason: `another ${wrong.join(', ')}` };
}

/** What the vector's operation yields, in the vector's own field names. */
export async function compute(vector: Vector): Promise<Output> {
  const input = vector.input as Input;
  const { output } = vector.expect;
  const hash = input['hash'] as HashName;
  const contexts = () => [bytes(input['contextU']!), bytes(input['contextV']!), Number(input['bits'])] as const;
  switch (input['op']) {
    case 'kdfa':
      return { result: base64url(kdfa(hash, bytes(input['key']!), input['label']!, ...contexts())) };
    case 'kdfe':
      return { result: base64url(kdfe(hash, bytes(input['z']!), input['label']!, ...contexts())) };
    case 'rsa-labeled-encapsulation':
      return rsaEncapsulation(input, bytes(output!['secret']!));
    case 'ecc-labeled-encapsulation':
      return eccEncapsulation(input);
    case 'make-credential':
      return credential(input);
    default:
      throw new Error(`unknown operation ${input['op']}`);
  }
}

/** The seed is chosen, not derived: the vector states it as its output. */
function rsaEncapsulation(input: Input, seed: Uint8Array): Output {
  const area = readPublic(bytes(input['public']!))!;
  return output(encapsulateRsa(area, area.key as RsaKey, input['label']!, seed, bytes(input['oaepSalt']!)));
}

function eccEncapsulation(input: Input): Output {
  const area = readPublic(bytes(input['public']!))!;
  return output(encapsulateEcc(area, area.key as EccKey, input['label']!, bytes(input['ephemeralPrivate']!)));
}

function output(made: Encapsulation | null): Output {
  return { secret: base64url(made!.seed), ciphertext: base64url(made!.ciphertext) };
}

async function credential(input: Input): Promise<Output> {
  const area = endorsementKey(input);
  const shared = input['seed']
    ? { seed: bytes(input['seed']), ciphertext: new Uint8Array(0) }
    : encapsulateEcc(area, area.key as EccKey, 'IDENTITY', bytes(input['ephemeralPrivate']!))!;
  const made = await protectSecret(area, bytes(input['akName']!), bytes(input['secret']!), shared);
  const encryptedSecret = input['seed'] ? null : base64url(made!.encryptedSecret);
  return { credentialBlob: base64url(made!.credentialBlob), encryptedSecret };
}

/** Some vectors state only the point of the key; the rest of the area is then template L-2. */
function endorsementKey(input: Input): PublicArea {
  if (input['ekPublic']) return readPublic(bytes(input['ekPublic']))!;
  const point = bytes(input['ekPublicSpki']!).slice(-64);
  const { area } = EK_TEMPLATES.find(({ name }) => name === 'L-2')!;
  return { ...area, key: { ...(area.key as EccKey), x: point.slice(0, 32), y: point.slice(32) } };
}
