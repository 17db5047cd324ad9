/** The assurance extension (docs/identity-certificate.asn1): what the hardware vouched for, in the words of the verdict. */
import { derEnumerated, derOctets, derSequence, derUnsigned, derUtf8 } from '../bytes/der-write.ts';
import {
  enumerated,
  octetString,
  readDer,
  sequence,
  smallInteger,
  TAG,
  isUniversal,
  text,
  type Der,
} from '../bytes/der.ts';

export interface AssuranceStatement {
  /** Evidence format, e.g. `tpm2`. */
  readonly format: string;
  readonly binding: 'key-attested' | 'vouched';
  readonly attestedKeyHardware: string;
  /** `unproven` whenever the key is only vouched for. */
  readonly identityKeyHardware: string;
  readonly freshness: 'challenge' | 'cached';
  /** Version id of the policy that judged. */
  readonly policy: string;
  /** SHA-256 of the evidence as it was received, 32 bytes. */
  readonly evidence: Uint8Array;
}

const BINDINGS = ['key-attested', 'vouched'] as const;
const FRESHNESS = ['challenge', 'cached'] as const;
const VERSION = 1;
const MAX_TEXT = 64;

export function writeAssurance(statement: AssuranceStatement): Uint8Array<ArrayBuffer> {
  return derSequence(
    derUnsigned(new Uint8Array([VERSION])),
    derUtf8(statement.format),
    derEnumerated(BINDINGS.indexOf(statement.binding)),
    derUtf8(statement.attestedKeyHardware),
    derUtf8(statement.identityKeyHardware),
    derEnumerated(FRESHNESS.indexOf(statement.freshness)),
    derUtf8(statement.policy),
    derOctets(statement.evidence),
  );
}

/** Null when malformed. Fields that a later version appends are passed over. */
export function readAssurance(der: Uint8Array): AssuranceStatement | null {
  const [version, format, binding, attested, identity, freshness, policy, evidence] = sequence(readDer(der)) ?? [];
  if ((smallInteger(version) ?? 0) < VERSION) return null;
  const statement = {
    format: short(format),
    binding: BINDINGS[enumerated(binding) ?? -1],
    attestedKeyHardware: short(attested),
    identityKeyHardware: short(identity),
    freshness: FRESHNESS[enumerated(freshness) ?? -1],
    policy: short(policy),
    evidence: octetString(evidence),
  };
  const complete = Object.values(statement).every((field) => field !== null && field !== undefined);
  return complete && statement.evidence?.length === 32 ? (statement as AssuranceStatement) : null;
}

function short(value: Der | undefined): string | null {
  if (!isUniversal(value, TAG.utf8String)) return null;
  const content = text(value);
  return content !== null && content.length >= 1 && content.length <= MAX_TEXT ? content : null;
}
