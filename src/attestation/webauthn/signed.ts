import type { Checklist } from '../checklist.ts';
import type { PublicKey } from '../path/public-key.ts';
import { type SignatureRules, verifySignature } from '../path/signature.ts';
import { coseAlgorithm } from './algorithms.ts';

export interface Signed {
  readonly algorithm: number;
  readonly key: PublicKey;
  readonly data: Uint8Array;
  readonly signature: Uint8Array;
}

/** One step: the signature is the key's, in the algorithm that the statement names. */
export async function judgeSignature(
  signed: Signed,
  id: string,
  spec: string,
  steps: Checklist,
  rules: SignatureRules = {},
): Promise<void> {
  const algorithm = steps.present(
    coseAlgorithm(signed.algorithm),
    `${id}-algorithm`,
    spec,
    'signature-algorithm',
    `COSE algorithm ${signed.algorithm}`,
  );
  const result = await verifySignature(algorithm, signed.key, signed.data, signed.signature, rules);
  const reason = result.ok ? 'signature-invalid' : result.reason;
  steps.demand(result.ok, id, spec, reason, `signature with COSE algorithm ${signed.algorithm}`);
}
