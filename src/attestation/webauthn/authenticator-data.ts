/** Authenticator data (WebAuthn L3 §6.1), read completely: what the flags announce is there, and nothing follows. */
import { type CborMap, cborMap, readCborItem } from '../../bytes/cbor.ts';
import { hex } from '../../bytes/hex.ts';

export interface Flags {
  readonly userPresent: boolean;
  readonly userVerified: boolean;
  /** BE: the credential may be synced to other devices. */
  readonly backupEligible: boolean;
  readonly backedUp: boolean;
  readonly attestedData: boolean;
  readonly extensions: boolean;
}

export interface AuthenticatorHeader {
  /** SHA-256 of the relying-party id, 32 bytes. */
  readonly rpIdHash: Uint8Array<ArrayBuffer>;
  readonly flags: Flags;
  readonly signCount: number;
}

/** Attested credential data (§6.5.1). */
export interface AttestedCredential {
  /** 16 bytes, as the authenticator claims them: never proof by themselves. */
  readonly aaguid: Uint8Array<ArrayBuffer>;
  readonly credentialId: Uint8Array<ArrayBuffer>;
  /** COSE_Key; cose-key.ts reads it. */
  readonly publicKey: CborMap;
}

export interface AuthenticatorData extends AuthenticatorHeader {
  readonly credential: AttestedCredential | null;
  readonly extensionData: CborMap | null;
}

const HEADER = 37;
const AAGUID = 16;
/** §7.1 step 25. */
const LONGEST_CREDENTIAL_ID = 1023;

/** The fixed 37 bytes, whatever follows them; null when there are fewer. */
export function readAuthenticatorHeader(bytes: Uint8Array): AuthenticatorHeader | null {
  if (bytes.length < HEADER) return null;
  const flags = bytes[32]!;
  return {
    rpIdHash: Uint8Array.from(bytes.subarray(0, 32)),
    flags: {
      userPresent: (flags & 0x01) !== 0,
      userVerified: (flags & 0x04) !== 0,
      backupEligible: (flags & 0x08) !== 0,
      backedUp: (flags & 0x10) !== 0,
      attestedData: (flags & 0x40) !== 0,
      extensions: (flags & 0x80) !== 0,
    },
    signCount: new DataView(bytes.buffer, bytes.byteOffset + 33, 4).getUint32(0),
  };
}

/** Null when the bytes are not exactly what the flags announce. */
export function readAuthenticatorData(bytes: Uint8Array): AuthenticatorData | null {
  const header = readAuthenticatorHeader(bytes);
  if (header === null) return null;
  let rest = bytes.subarray(HEADER);
  let credential: AttestedCredential | null = null;
  let extensionData: CborMap | null = null;
  if (header.flags.attestedData) {
    const attested = readAttestedCredential(rest);
    if (attested === null) return null;
    credential = attested.credential;
    rest = rest.subarray(attested.length);
  }
  if (header.flags.extensions) {
    const extensions = readCborItem(rest);
    extensionData = cborMap(extensions?.value);
    if (extensions === null || extensionData === null) return null;
    rest = rest.subarray(extensions.length);
  }
  return rest.length === 0 ? { ...header, credential, extensionData } : null;
}

function readAttestedCredential(bytes: Uint8Array): { credential: AttestedCredential; length: number } | null {
  if (bytes.length < AAGUID + 2) return null;
  const idLength = (bytes[AAGUID]! << 8) | bytes[AAGUID + 1]!;
  const keyStart = AAGUID + 2 + idLength;
  if (idLength > LONGEST_CREDENTIAL_ID || bytes.length < keyStart) return null;
  const key = readCborItem(bytes.subarray(keyStart));
  const publicKey = cborMap(key?.value);
  if (key === null || publicKey === null) return null;
  const aaguid = Uint8Array.from(bytes.subarray(0, AAGUID));
  const credentialId = Uint8Array.from(bytes.subarray(AAGUID + 2, keyStart));
  return { credential: { aaguid, credentialId, publicKey }, length: keyStart + key.length };
}

/** The AAGUID as a UUID in lowercase. */
export function aaguidText(aaguid: Uint8Array): string {
  return hex(aaguid).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
