import type { Evidence, Expected } from '../../src/attestation/format.ts';
import { readCertificate } from '../../src/attestation/path/certificate.ts';
import { bytes, text, type Vector } from './vector.ts';

export interface Asked {
  readonly evidence: Evidence;
  readonly expected: Expected;
}

/** What a vector gives a server to judge; null when it is no evidence by itself (a list, a certificate, a computation). */
export function evidenceOf({ input, verifyAt }: Vector, at?: number): Asked | null {
  const common = { identityKey: new Uint8Array(), now: at ?? Date.parse(verifyAt), rpId: '', origins: [] };
  if (input['evidence'] !== undefined) return asSent(input, common);
  if (input['clientDataJSON'] !== undefined && input['rpId'] !== undefined) {
    const { attestationObject, clientDataJSON } = input;
    return {
      evidence: { format: 'webauthn', attestationObject, clientDataJSON },
      expected: {
        ...common,
        transcript: bytes(input['challenge']),
        rpId: text(input['rpId']),
        origins: [text(input['origin'])],
      },
    };
  }
  if (input['keyId'] !== undefined && input['attestationObject'] !== undefined) {
    const { attestationObject, keyId } = input;
    const evidence = { format: 'app-attest', attestationObject, keyId };
    return { evidence, expected: { ...common, transcript: bytes(input['challenge']) } };
  }
  if (input['certificateChain'] !== undefined && input['challenge'] !== undefined) return keystore(input, common);
  return null;
}

/** Evidence as a client sends it, of any format, beside what the server expected of it. */
function asSent(input: Vector['input'], common: Omit<Expected, 'transcript'>): Asked {
  const { transcript, identityKey, ...rest } = input['expected'] as { readonly [name: string]: unknown };
  const expected = { ...common, ...rest, transcript: bytes(transcript) };
  const key = identityKey === undefined ? common.identityKey : bytes(identityKey);
  return { evidence: input['evidence'] as Evidence, expected: { ...expected, identityKey: key } };
}

/** The identity key of a Keystore enrollment is the leaf's key, as its owner would state it. */
function keystore(input: Vector['input'], common: Omit<Expected, 'transcript'>): Asked {
  const chain = input['certificateChain'] as readonly unknown[];
  const identityKey = readCertificate(bytes(chain[0]))?.spki ?? new Uint8Array();
  return {
    evidence: { format: 'android-keystore', certificateChain: chain },
    expected: { ...common, identityKey, transcript: bytes(input['challenge']) },
  };
}
