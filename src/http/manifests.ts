import { fromBase64url } from '../bytes/base64url.ts';
import { nameOfCheck } from '../actors/account/manifest.ts';
import { type SignatureCheck, verifyAll } from '../directory/signature.ts';
import type { SignedManifest } from '../protocol/manifest.ts';
import { accountOf, ask, type Asked } from './ask.ts';
import type { AppContext } from './context.ts';

export interface Committed {
  readonly account: string;
  readonly version: number;
  readonly hash: string;
}

interface WireCheck {
  readonly algorithm: SignatureCheck['algorithm'];
  readonly key: string;
  readonly data: string;
  readonly signature: string;
}

/** A head may move between the account's question and our answer; then it asks again. */
const ROUNDS = 3;

/** Commits a manifest: the account says which signatures matter against its head, we verify them, it decides (G2). */
export async function commitManifest(
  c: AppContext,
  account: string,
  manifest: SignedManifest,
): Promise<Asked<Committed>> {
  const verified: string[] = [];
  for (let round = 0; ; round++) {
    const asked = await ask<Committed>(c, accountOf(account), {
      do: 'manifest',
      manifest,
      verified,
      request: c.var.request,
    });
    if (!asked.ok || asked.value.ok || asked.value.reason !== 'verify') return asked;
    const checks = (asked.value['checks'] as WireCheck[]).map(open);
    const results = await verifyAll(crypto.subtle, checks);
    if (round === ROUNDS || !results.every(Boolean))
      return { ok: true, value: { ok: false, reason: 'signature-invalid' } };
    verified.push(...checks.map(nameOfCheck));
  }
}

function open({ algorithm, key, data, signature }: WireCheck): SignatureCheck {
  const bytes = (text: string) => fromBase64url(text) ?? new Uint8Array();
  return { algorithm, key: bytes(key), data: bytes(data), signature: bytes(signature) };
}
