/** What the verifier makes of evidence. Plain data: it is stored, sent to operators, and judged again later. */

/** Why evidence was refused; a closed union. On the wire a client learns the reason, an operator the check behind it. */
export type Reason =
  | 'malformed'
  | 'too-large'
  | 'challenge-mismatch'
  | 'challenge-expired'
  | 'challenge-used'
  | 'origin-not-allowed'
  | 'signature-invalid'
  | 'signature-algorithm'
  | 'chain-invalid'
  | 'chain-expired'
  | 'untrusted-root'
  | 'test-root'
  | 'software-key'
  | 'virtual-authenticator'
  | 'key-mismatch'
  | 'key-exportable'
  | 'self-attestation'
  | 'no-attestation'
  | 'format-refused'
  | 'format-unknown'
  | 'algorithm-unavailable'
  | 'revoked-by-list'
  | 'suspended-by-list'
  | 'status-list-stale'
  | 'boot-state'
  | 'patch-level'
  | 'application'
  | 'environment'
  | 'counter'
  | 'syncable'
  | 'user-verification'
  | 'aaguid-refused'
  | 'vendor-refused'
  | 'assurance'
  | 'weak-key'
  | 'attributes'
  | 'evidence-cap'
  | 'not-in-inventory';

export type FormatId =
  | 'packed'
  | 'tpm'
  | 'android-key'
  | 'apple'
  | 'fido-u2f'
  | 'none'
  | 'android-safetynet'
  | 'compound'
  | 'android-keystore'
  | 'app-attest'
  | 'tpm2'
  | 'linked'
  | 'development';

/** Where a private key lives, as far as the evidence proves it. */
export const KEY_HARDWARE = [
  'strongbox',
  'tee',
  'secure-enclave',
  'discrete-tpm',
  'firmware-tpm',
  'tpm',
  'security-key',
  'virtual-tpm',
  'software',
  'none',
] as const;
export type KeyHardware = (typeof KEY_HARDWARE)[number];

export interface Assurance {
  readonly attestedKeyHardware: KeyHardware;
  /** 'unproven' whenever the identity key is only vouched for: that key is an ordinary software key. */
  readonly identityKeyHardware: KeyHardware | 'unproven';
  /** 'challenge': signed over our transcript; 'cached': an older statement was carried along. */
  readonly freshness: 'challenge' | 'cached';
  /** Id of the anchor in the trust store that the chain ended at; absent when there is no chain. */
  readonly trustAnchor?: string;
  readonly bootState?: 'verified' | 'self-signed' | 'unverified' | 'failed';
  /** Operating-system patch level as YYYYMM or YYYYMMDD, the hardware-enforced value. */
  readonly patchLevel?: number;
}

/** One step of a specification, in the order it was taken. */
export interface Check {
  /** Stable and machine-readable, e.g. `packed.aaguid-extension`. */
  readonly id: string;
  /** Where the step is written, e.g. `WebAuthn L3 §8.2 step 2`. */
  readonly spec: string;
  /** `monitored`: it did not hold, and policy only watches this rule. */
  readonly outcome: 'pass' | 'fail' | 'skipped' | 'monitored';
  /** For the operator; never contains secrets. */
  readonly detail: string;
}

export type Fact = string | number | boolean | null | readonly Fact[] | { readonly [name: string]: Fact };

export interface Verdict {
  readonly decision: 'accept' | 'refuse' | 'hold';
  /** Set when the decision is not `accept`. */
  readonly reason?: Reason;
  readonly format: FormatId | 'unknown';
  readonly assurance: Assurance;
  /** SubjectPublicKeyInfo (DER, base64url) of the key that the hardware vouches for; null when the evidence shows none. */
  readonly attestedKey: string | null;
  /** `key-attested`: the identity key is the attested key itself; `vouched`: the attested key signed for it. */
  readonly identityBinding: 'key-attested' | 'vouched';
  /** Version id of the policy document that judged. */
  readonly policy: string;
  /** What a list, a cap or a later policy may look at: AAGUID, serials, SPKI hashes, EK hash, patch levels, credential id, … */
  readonly facts: { readonly [name: string]: Fact };
  readonly checks: readonly Check[];
}
