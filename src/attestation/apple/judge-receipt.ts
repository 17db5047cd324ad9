/** The receipt inside an attestation, as steps of its verification. */
import { equal } from '../../bytes/join.ts';
import type { Checklist } from '../checklist.ts';
import type { Expected } from '../format.ts';
import type { TrustStore } from '../trust/store.ts';
import { isAbout, type Receipt, verifyReceipt } from './receipt.ts';

const RECEIPTS = 'Apple, Assessing fraud risk';
/** Oldest embedded receipt at its first use. */
const RECEIPT_AGE_MS = 300_000;

export type Environment = 'production' | 'development';

export interface About {
  readonly appId: string | null;
  readonly environment: Environment;
  readonly clientDataHash: Uint8Array;
  readonly key: Uint8Array;
}

/** The receipt is not under the nonce, so it must prove by itself that it belongs to this attestation. */
export async function judgeReceipt(
  bytes: Uint8Array,
  about: About,
  expected: Expected,
  trust: TrustStore,
  steps: Checklist,
): Promise<void> {
  const result = await verifyReceipt(bytes, { trust, now: expected.now, maxAgeMs: RECEIPT_AGE_MS });
  const verdict = result.ok ? { reason: 'malformed' as const, detail: 'signed by Apple' } : result;
  steps.demand(result.ok, 'app-attest.receipt', RECEIPTS, verdict.reason, verdict.detail);
  const { receipt } = result;
  const same = isAbout(receipt, about.key, about.appId ?? receipt.appId);
  steps.demand(same, 'app-attest.receipt-key', RECEIPTS, 'key-mismatch', 'the receipt is about this key and app');
  const hashed = equal(receipt.clientHash, about.clientDataHash);
  steps.demand(
    hashed,
    'app-attest.receipt-challenge',
    RECEIPTS,
    'challenge-mismatch',
    'the receipt is about this request',
  );
  judgeReceiptKind(receipt, about.environment, steps);
}

function judgeReceiptKind({ type, environment }: Receipt, expected: Environment, steps: Checklist): void {
  steps.demand(type === 'ATTEST', 'app-attest.receipt-type', RECEIPTS, 'attributes', `receipt of type ${type}`);
  const fits = environment === null || environment === (expected === 'production' ? 'production' : 'sandbox');
  steps.demand(
    fits,
    'app-attest.receipt-environment',
    RECEIPTS,
    'environment',
    `receipt of ${environment ?? 'no environment'}`,
  );
}
