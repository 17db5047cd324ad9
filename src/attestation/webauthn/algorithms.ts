/** COSE signature algorithms (IANA COSE registry, RFC 9053, 8812, 9864) as the signature verifier takes them. */
import type { SignatureAlgorithm } from '../path/public-key.ts';

const ALGORITHMS: ReadonlyMap<number, SignatureAlgorithm> = new Map<number, SignatureAlgorithm>([
  [-7, { kind: 'ecdsa', hash: 'SHA-256' }],
  [-9, { kind: 'ecdsa', hash: 'SHA-256' }],
  [-35, { kind: 'ecdsa', hash: 'SHA-384' }],
  [-51, { kind: 'ecdsa', hash: 'SHA-384' }],
  [-36, { kind: 'ecdsa', hash: 'SHA-512' }],
  [-52, { kind: 'ecdsa', hash: 'SHA-512' }],
  [-8, { kind: 'ed25519' }],
  [-19, { kind: 'ed25519' }],
  [-257, { kind: 'rsa-pkcs1', hash: 'SHA-256' }],
  [-258, { kind: 'rsa-pkcs1', hash: 'SHA-384' }],
  [-259, { kind: 'rsa-pkcs1', hash: 'SHA-512' }],
  [-37, { kind: 'rsa-pss', hash: 'SHA-256', saltLength: 32 }],
  [-38, { kind: 'rsa-pss', hash: 'SHA-384', saltLength: 48 }],
  [-39, { kind: 'rsa-pss', hash: 'SHA-512', saltLength: 64 }],
  [-65535, { kind: 'rsa-pkcs1', hash: 'SHA-1' }],
  [-48, { kind: 'ml-dsa', parameters: 44 }],
  [-49, { kind: 'ml-dsa', parameters: 65 }],
  [-50, { kind: 'ml-dsa', parameters: 87 }],
]);

/** Null for an algorithm that no statement here may name. RS1 is listed: the signature verifier allows it to one kind of key only. */
export function coseAlgorithm(id: number): SignatureAlgorithm | null {
  return ALGORITHMS.get(id) ?? null;
}
