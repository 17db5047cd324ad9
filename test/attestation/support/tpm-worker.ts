/** A Worker that is nothing but the server's side of a `tpm2` enrollment: POST a request, get the activation challenge or the verdict. */
import { policies } from '../../../src/attestation/policy/shipped.ts';
import type { ActivationState } from '../../../src/attestation/tpm/activation.ts';
import { challengeActivation } from '../../../src/attestation/tpm/activation.ts';
import { readCertificate } from '../../../src/attestation/path/certificate.ts';
import { verifyEvidence } from '../../../src/attestation/verify.ts';
import { base64url, fromBase64url } from '../../../src/bytes/base64url.ts';

/** Bytes are base64url. */
export interface ActivationCall {
  readonly endorsementKey: string;
  readonly attestationKey: string;
  readonly nonce: string;
  readonly random: string;
}

export interface VerdictCall {
  readonly evidence: { readonly format: string };
  readonly transcript: string;
  readonly identityKey: string;
  readonly activation: ActivationState;
  readonly now: number;
  readonly root: string;
}

const bytes = (text: string): Uint8Array<ArrayBuffer> => fromBase64url(text)!;

async function activation({ endorsementKey, attestationKey, nonce, random }: ActivationCall): Promise<unknown> {
  const answer = await challengeActivation(bytes(endorsementKey), bytes(attestationKey), bytes(nonce), bytes(random));
  if (!answer.ok) return answer;
  const { credentialBlob, encryptedSecret } = answer.credential;
  const credential = { credentialBlob: base64url(credentialBlob), encryptedSecret: base64url(encryptedSecret) };
  return { credential, state: answer.state };
}

function verdict({ evidence, root, ...call }: VerdictCall): Promise<unknown> {
  const anchor = {
    id: 'TEST-TPM-ROOT',
    certificate: readCertificate(bytes(root))!,
    class: 'hardware',
    formats: ['tpm2'],
    vendor: 'TEST',
    aaguids: [],
    source: 'made at run time',
  } as const;
  const trust = { anchors: [anchor], intermediates: [], metadata: null, androidStatus: null };
  const expected = {
    ...call,
    transcript: bytes(call.transcript),
    identityKey: bytes(call.identityKey),
    rpId: '',
    origins: [],
  };
  return verifyEvidence(evidence, expected, trust, policies.standard);
}

export default {
  async fetch(request: Request): Promise<Response> {
    const call: unknown = await request.json();
    const made = request.url.endsWith('/activation')
      ? activation(call as ActivationCall)
      : verdict(call as VerdictCall);
    return Response.json(await made);
  },
};
