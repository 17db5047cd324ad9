/** Accounts for tests: keys whose signatures are toys (a hash of key and data), so that chains by the thousand cost nothing. */
import { sha256 } from '@noble/hashes/sha2.js';
import { base64url } from '../../src/bytes/base64url.ts';
import { base32 } from '../../src/bytes/base32.ts';
import { concat, equal, lp, u32 } from '../../src/bytes/join.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import type { Manifest, SignedManifest } from '../../src/protocol/manifest.ts';
import { extend, type Judge, type Step } from '../../src/directory/manifest/chain.ts';
import type { Head } from '../../src/directory/manifest/head.ts';
import { parseManifest, type ParsedManifest } from '../../src/directory/manifest/parse.ts';
import { assemble, draft, genesisOf, signingInput } from '../../src/directory/manifest/write.ts';
import { p256Spki, type SignatureCheck } from '../../src/directory/signature.ts';

export interface ToyKey {
  readonly id: string;
  /** SubjectPublicKeyInfo, base64url. */
  readonly key: string;
  readonly spki: Uint8Array;
  readonly jwk: { readonly x: string; readonly y: string };
}

export function toy(n: number, id = n): ToyKey {
  const x = sha256(u32(n));
  const y = sha256(x);
  const spki = p256Spki(x, y);
  const jwk = { x: base64url(x), y: base64url(y) };
  return { id: base32(sha256(concat(u32(id), utf8('id'))).subarray(0, 16)), key: base64url(spki), spki, jwk };
}

function toySignature(spki: Uint8Array, data: Uint8Array): Uint8Array {
  const half = sha256(concat(lp(spki), lp(data)));
  return concat(half, half);
}

export const toyHolds = (check: SignatureCheck): boolean => equal(check.signature, toySignature(check.key, check.data));

/** Signs a manifest with toy keys, in order; `as: 'recovery'` signs as the recovery key. */
export function sign(
  manifest: Manifest,
  ...signers: readonly (ToyKey & { readonly as?: 'recovery' })[]
): SignedManifest {
  const document = draft(manifest);
  const signatures = signers.map((signer) => {
    const who = signer.as ? { kid: signer.as, jwk: signer.jwk } : { kid: signer.id };
    return { ...who, signature: toySignature(signer.spki, signingInput(document, who)) };
  });
  return assemble(document, signatures);
}

export function parsed(jws: SignedManifest): ParsedManifest {
  const result = parseManifest(jws);
  if (!result.ok) throw new Error(`does not parse: ${result.reason}`);
  return result.parsed;
}

export const replayAt = (now: number): Judge => ({ now, mode: 'replay', revokedAt: () => null });

/** Adds one version to a head, the way a verifier would; the reason when it refuses. */
export function grow(head: Head | null, jws: SignedManifest, judge?: Judge): Step | string {
  const result = parseManifest(jws);
  if (!result.ok) return result.reason;
  const at = result.parsed.manifest.issuedAt;
  const plan = extend(head?.account ?? null, head, [result.parsed], judge ?? replayAt(at));
  if (!plan.ok) return plan.reason;
  const concluded = plan.conclude(toyHolds);
  return concluded.ok ? concluded.value[0]! : concluded.reason;
}

export const PLAIN: Pick<Manifest, 'handles' | 'recovery' | 'minProtocol'> = {
  handles: [],
  recovery: { policy: 'delay', delayHours: 24, handles: [] },
  minProtocol: 1,
};

export function born(first: ToyKey, at: number, terms = PLAIN): Head {
  const step = grow(null, sign(genesisOf(first, at, terms), first));
  if (typeof step === 'string') throw new Error(step);
  return step.head;
}
