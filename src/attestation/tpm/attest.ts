import { readPcrSelections } from './pcr.ts';
import type { PcrSelection } from './pcr.ts';
import { TpmReader } from './reader.ts';

/** TPM_GENERATED_VALUE (Part 2 §6.2): only the TPM itself signs structures that begin with it. */
export const TPM_GENERATED = 0xff544347;

/** TPM_ST (§6.9): the attestation types this code reads. */
const CERTIFY = 0x8017;
const QUOTE = 0x8018;
const CREATION = 0x801a;

/** TPMS_ATTEST (§10.12.12). `magic` is left to the verifier: comparing it is a numbered step of its own. */
export interface Attest {
  readonly magic: number;
  /** TPM2B_NAME: Qualified Name of the signing key. */
  readonly qualifiedSigner: Uint8Array;
  /** What the caller asked to be signed along: qualifyingData. */
  readonly extraData: Uint8Array;
  readonly clockInfo: ClockInfo;
  readonly firmwareVersion: bigint;
  readonly attested: Attested;
}

/** TPMS_CLOCK_INFO (§10.11.1). */
export interface ClockInfo {
  readonly clock: bigint;
  readonly resetCount: number;
  readonly restartCount: number;
  readonly safe: boolean;
}

export type Attested =
  /** TPMS_CERTIFY_INFO (§10.12.3). */
  | { readonly kind: 'certify'; readonly name: Uint8Array; readonly qualifiedName: Uint8Array }
  /** TPMS_QUOTE_INFO (§10.12.4). */
  | { readonly kind: 'quote'; readonly selections: readonly PcrSelection[]; readonly pcrDigest: Uint8Array }
  /** TPMS_CREATION_INFO (§10.12.7). */
  | { readonly kind: 'creation'; readonly name: Uint8Array; readonly creationHash: Uint8Array };

export function readAttest(bytes: Uint8Array): Attest | null {
  const reader = new TpmReader(bytes);
  const magic = reader.u32();
  const type = reader.u16();
  const qualifiedSigner = reader.sized();
  const extraData = reader.sized();
  const clockInfo = readClock(reader);
  const firmwareVersion = reader.u64();
  const attested = readAttested(reader, type);
  if (!clockInfo || !attested || !reader.whole) return null;
  return { magic, qualifiedSigner, extraData, clockInfo, firmwareVersion, attested };
}

function readClock(reader: TpmReader): ClockInfo | null {
  const clock = reader.u64();
  const resetCount = reader.u32();
  const restartCount = reader.u32();
  const safe = reader.u8();
  return safe > 1 ? reader.refuse() : { clock, resetCount, restartCount, safe: safe === 1 };
}

function readAttested(reader: TpmReader, type: number): Attested | null {
  if (type === CERTIFY) return { kind: 'certify', name: reader.sized(), qualifiedName: reader.sized() };
  if (type === CREATION) return { kind: 'creation', name: reader.sized(), creationHash: reader.sized() };
  if (type !== QUOTE) return reader.refuse();
  const selections = readPcrSelections(reader);
  return selections && { kind: 'quote', selections, pcrDigest: reader.sized() };
}
