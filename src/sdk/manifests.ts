import type { Judge } from '../directory/manifest/chain.ts';
import { extend } from '../directory/manifest/chain.ts';
import type { Head } from '../directory/manifest/head.ts';
import { parseManifest, type ParsedManifest } from '../directory/manifest/parse.ts';
import { assemble, draft, signingInput } from '../directory/manifest/write.ts';
import type { Manifest, SignedManifest } from '../protocol/manifest.ts';
import { concluded } from './concluded.ts';
import type { CryptoProvider, SigningKey } from './crypto/provider.ts';
import { CallsignError } from './errors.ts';

/** One signature per (device id, key), in this order. */
export async function signManifest(
  manifest: Manifest,
  signers: readonly { kid: string; key: SigningKey; jwk?: { x: string; y: string } }[],
): Promise<SignedManifest> {
  const made = draft(manifest);
  const signatures = [];
  for (const { kid, key, jwk } of signers) {
    const signer = { kid, ...(jwk && { jwk }) };
    signatures.push({ ...signer, signature: await key.sign(signingInput(made, signer)) });
  }
  return assemble(made, signatures);
}

/** A client reads what was accepted before: times are not its to judge, revocation it learns from the list. */
function judgeOf(now: number): Judge {
  return { now, mode: 'replay', revokedAt: () => null };
}

/**
 * Verifies the versions after `known` (from genesis when null) and returns the new head. Every signature is checked here:
 * the server's word counts for nothing (G2).
 */
export async function verifyChain(
  crypto: CryptoProvider,
  account: string,
  known: Head | null,
  list: readonly SignedManifest[],
  now: number,
): Promise<Head> {
  const parsed: ParsedManifest[] = [];
  for (const signed of list) {
    const one = parseManifest(signed);
    if (!one.ok) throw new CallsignError('verification', `manifest-${one.reason}`);
    parsed.push(one.parsed);
  }
  const steps = await concluded(crypto, extend(account, known, parsed, judgeOf(now)), 'manifest');
  const head = steps.at(-1)?.head ?? known;
  if (!head) throw new CallsignError('verification', 'manifest-missing');
  return head;
}
