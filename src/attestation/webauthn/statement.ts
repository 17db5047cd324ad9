import type { Cbor } from '../../bytes/cbor.ts';
import type { Checklist } from '../checklist.ts';
import type { Policy } from '../policy/policy.ts';
import type { TrustStore } from '../trust/store.ts';
import type { Assurance, FormatId } from '../verdict.ts';
import type { AttestedCredential, AuthenticatorHeader } from './authenticator-data.ts';
import type { CoseKey } from './cose-key.ts';

/** A registration whose ceremony held: what an attestation statement speaks about. */
export interface Registration {
  readonly header: AuthenticatorHeader;
  readonly credential: AttestedCredential;
  /** The credential key as read; a format that needs it demands `ok`. */
  readonly key: CoseKey;
  readonly authenticatorData: Uint8Array<ArrayBuffer>;
  /** SHA-256 of clientDataJSON, 32 bytes. */
  readonly clientDataHash: Uint8Array<ArrayBuffer>;
  /** authenticatorData || clientDataHash: what most statements sign. */
  readonly signed: Uint8Array<ArrayBuffer>;
}

export interface Judging {
  /** When the evidence is from, milliseconds since 1970. */
  readonly now: number;
  /** When lists are consulted. */
  readonly listsAt: number;
  readonly trust: TrustStore;
  readonly policy: Policy;
}

/** The identity key of a WebAuthn enrollment is always vouched for: a credential key signs nothing but assertions. */
export type StatementFinding = Omit<Assurance, 'identityKeyHardware'>;

/** One WebAuthn attestation statement format: its own fields, then the specification's numbered steps in order. */
export interface StatementFormat<S> {
  readonly id: FormatId;
  /** Reads attStmt; null is `malformed`. */
  read(statement: Cbor): S | null;
  verify(statement: S, registration: Registration, judging: Judging, steps: Checklist): Promise<StatementFinding>;
}

/** A format whose own reading is done inside, so that formats of different statements fit in one table. */
export interface AnyStatementFormat {
  readonly id: FormatId;
  verify(statement: Cbor, registration: Registration, judging: Judging, steps: Checklist): Promise<StatementFinding>;
}

export function anyStatement<S>(format: StatementFormat<S>): AnyStatementFormat {
  const { id } = format;
  return {
    id,
    async verify(statement, registration, judging, steps: Checklist) {
      const read = format.read(statement);
      steps.demand(
        read !== null,
        `${id}.syntax`,
        'WebAuthn L3 §7.1 step 22',
        'malformed',
        `attStmt is a ${id} statement`,
      );
      return format.verify(read, registration, judging, steps);
    },
  };
}
