/** TPM statements and certificates that were recorded by themselves. */
import { Checklist, Refused } from '../../src/attestation/checklist.ts';
import type { Judging } from '../../src/attestation/tpm/recorded.ts';
import { judgeCreation, judgeRecordedQuote, judgeTpmCertificate } from '../../src/attestation/tpm/recorded.ts';
import { builtInTrust } from '../../src/attestation/trust/load.ts';
import type { Anchor } from '../../src/attestation/trust/store.ts';
import type { Answer } from './judge.ts';
import { familyPolicy } from './policy.ts';
import { bytes, text, type Vector, type VectorFile } from './vector.ts';

export async function tpmNative(vector: Vector, file: VectorFile): Promise<Answer> {
  const { input } = vector;
  return answer((steps) =>
    input['kind'] === 'quote' ? quote(vector, judging(vector, file), steps) : creation(input, steps),
  );
}

/** Endorsement certificates of several makers, and attribute certificates about platforms. */
export async function ekCertificates(vector: Vector, file: VectorFile): Promise<Answer> {
  const { input } = vector;
  const chain = (input['certificateChain'] ?? [input['platformAttributeCertificate']]) as readonly unknown[];
  return answer(async (steps) => {
    const { anchor } = await judgeTpmCertificate(chain.map(bytes), judging(vector, file), steps);
    return anchor;
  });
}

async function creation(input: Vector['input'], steps: Checklist): Promise<null> {
  const statement = { statement: bytes(input['creationAttestation']), signature: bytes(input['creationSignature']) };
  await judgeCreation(bytes(input['public']), bytes(input['creationData']), statement, steps);
  return null;
}

async function quote({ input }: Vector, judged: Judging, steps: Checklist): Promise<Anchor | null> {
  const values = Object.entries(input['pcrs'] as Readonly<Record<string, string>>);
  const bank = text(input['pcrHash']);
  const pcrs = { [bank]: Object.fromEntries(values.map(([index, value]) => [index, bytes(value)])) };
  const signer = input['public'] ? { public: bytes(input['public']) } : { spki: bytes(input['publicKeySpki']) };
  const certificates = input['akCertificate'] ? [bytes(input['akCertificate'])] : [];
  const [statement, signature, nonce] = [bytes(input['quote']), bytes(input['signature']), bytes(input['nonce'])];
  return judgeRecordedQuote({ signer, statement, signature, nonce, pcrs, certificates }, judged, steps);
}

function judging({ verifyAt }: Vector, file: VectorFile): Judging {
  return { now: Date.parse(verifyAt), trust: builtInTrust(), policy: familyPolicy(file) };
}

async function answer(judge: (steps: Checklist) => Promise<Anchor | null>): Promise<Answer> {
  try {
    const anchor = await judge(new Checklist());
    return { decision: 'accept', reason: '', anchor: anchor?.id ?? null };
  } catch (error) {
    if (error instanceof Refused) return { decision: 'refuse', reason: error.reason };
    throw error;
  }
}
