import type { Checklist } from './checklist.ts';
import type { Policy } from './policy/policy.ts';
import type { ActivationState } from './tpm/activation.ts';
import type { TrustStore } from './trust/store.ts';
import type { Assurance, FormatId, KeyHardware } from './verdict.ts';

/** A format's own fields, bytes as base64url. */
export interface Fields {
  readonly [name: string]: unknown;
}

/** Evidence as it arrives: the name of a format, and its fields. */
export interface Evidence extends Fields {
  readonly format: string;
}

/** What the server expects the evidence to be about; every field is decided by the server, none by the client. */
export interface Expected {
  /** SHA-256 enrollment transcript (docs/protocol/enrollment.md), 32 bytes. */
  readonly transcript: Uint8Array;
  /** SubjectPublicKeyInfo (DER) of the key that the certificate will name; for key-attested formats it must be the attested key. */
  readonly identityKey: Uint8Array;
  /** When the evidence is from: validity is judged at this time. Milliseconds since 1970. */
  readonly now: number;
  /** When lists are consulted, if not `now`: stored evidence is judged again at its own time, with today's lists as of today. */
  readonly listsAt?: number;
  /** WebAuthn: relying-party id and the origins whose clientDataJSON is accepted. */
  readonly rpId: string;
  readonly origins: readonly string[];
  /** `tpm2`: what the server kept of the activation challenge that this evidence answers. The caller has checked that its nonce is this enrollment's, and uses it once. */
  readonly activation?: ActivationState;
  /** `linked`: the device that the account lets vouch. */
  readonly voucher?: Voucher;
}

/** The device of the same account that vouches for a newcomer, as the server knows it. */
export interface Voucher {
  readonly deviceId: string;
  /** SubjectPublicKeyInfo (DER). */
  readonly identityKey: Uint8Array;
  readonly attestedKeyHardware: KeyHardware;
}

/** What a format's verifier establishes; whatever it could not establish it refused through the checklist. */
export interface Finding {
  readonly assurance: Assurance;
  /** SubjectPublicKeyInfo (DER). */
  readonly attestedKey: Uint8Array;
  readonly identityBinding: 'key-attested' | 'vouched';
}

/** One format: parse, then the specification's numbered steps in order. No clock, network, storage or state of its own. */
export interface Format<E> {
  readonly id: FormatId;
  /** Reads the evidence's own fields; null is `malformed`. Sizes were bounded before. */
  read(fields: Fields): E | null;
  verify(evidence: E, expected: Expected, trust: TrustStore, policy: Policy, steps: Checklist): Promise<Finding>;
}

/** A format whose own reading is done inside, so that formats of different evidence fit in one table. */
export interface AnyFormat {
  readonly id: FormatId;
  verify(fields: Fields, expected: Expected, trust: TrustStore, policy: Policy, steps: Checklist): Promise<Finding>;
}

export function anyFormat<E>(format: Format<E>): AnyFormat {
  const { id } = format;
  return {
    id,
    async verify(fields, expected, trust, policy, steps: Checklist) {
      const read = format.read(fields);
      steps.demand(
        read !== null,
        `${id}.syntax`,
        'docs/protocol/enrollment.md',
        'malformed',
        `evidence is of format ${id}`,
      );
      return format.verify(read, expected, trust, policy, steps);
    },
  };
}
