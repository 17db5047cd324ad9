/** The two certificates of development attestation: a root that a deployment makes at its first start, and its attesters. */
import {
  derBits,
  derExplicit,
  derOctets,
  derOid,
  derSequence,
  derSet,
  derTime,
  derTrue,
  derUnsigned,
  derUtf8,
} from '../../bytes/der-write.ts';

const YEAR = 365 * 86_400_000;
const ECDSA_WITH_SHA256 = '1.2.840.10045.4.3.2';

/** 16 bytes; never an AAGUID of hardware. */
export const DEVELOPMENT_AAGUID = new Uint8Array([
  0xde, 0x7e, 0x10, 0x93, 0xca, 0x11, 0x45, 0x19, 0x90, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
]);

export interface Issue {
  readonly role: 'root' | 'attester';
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  readonly signer: CryptoKey;
  readonly now: number;
  /** 16 random bytes. */
  readonly serial: Uint8Array;
}

export async function issueDevelopment({ role, spki, signer, now, serial }: Issue): Promise<Uint8Array<ArrayBuffer>> {
  const algorithm = derSequence(derOid(ECDSA_WITH_SHA256));
  const tbs = derSequence(
    derExplicit(0, derUnsigned(new Uint8Array([2]))),
    derUnsigned(Uint8Array.from(serial, (byte, i) => (i === 0 ? (byte & 0x3f) | 0x40 : byte))),
    algorithm,
    name('root'),
    derSequence(derTime(now - 86_400_000), derTime(now + 10 * YEAR)),
    name(role),
    spki,
    derExplicit(3, derSequence(...extensions(role))),
  );
  return derSequence(tbs, algorithm, derBits(await signDer(signer, tbs)));
}

function name(role: 'root' | 'attester'): Uint8Array {
  const attributes = [
    ['2.5.4.6', 'ZZ'],
    ['2.5.4.10', 'Callsign development'],
    ['2.5.4.11', 'Authenticator Attestation'],
    ['2.5.4.3', role === 'root' ? 'NOT FOR PRODUCTION root' : 'NOT FOR PRODUCTION attester'],
  ] as const;
  return derSequence(...attributes.map(([type, value]) => derSet(derSequence(derOid(type), derUtf8(value)))));
}

function extensions(role: 'root' | 'attester'): readonly Uint8Array[] {
  const constraints = (value: Uint8Array) => derSequence(derOid('2.5.29.19'), derTrue(), derOctets(value));
  if (role === 'root') return [constraints(derSequence(derTrue()))];
  const aaguid = derSequence(derOid('1.3.6.1.4.1.45724.1.1.4'), derOctets(derOctets(DEVELOPMENT_AAGUID)));
  return [constraints(derSequence()), aaguid];
}

/** ECDSA with SHA-256, as certificates and WebAuthn carry it: DER of r and s. */
export async function signDer(key: CryptoKey, data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const raw = new Uint8Array(await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key, data));
  const half = raw.length / 2;
  return derSequence(derUnsigned(raw.subarray(0, half)), derUnsigned(raw.subarray(half)));
}
