/** Keys that prove nothing because others can find the private half, or that no runtime of ours can judge. */
import { hex } from '../../bytes/hex.ts';
import type { PublicKey } from './public-key.ts';

const MIN_RSA_BITS = 2048;
/** Largest RSA modulus that is checked: what costs more than any genuine key is refused. */
const MAX_RSA_BITS = 8192;
const EXPONENT = '010001';

/** Why the key is weak, for the operator; null when it is not. */
export function weakness(key: PublicKey): string | null {
  if (key.kind === 'unknown') return `key algorithm or curve ${key.algorithm} is outside the allowed set`;
  if (key.kind !== 'rsa') return null;
  const bits = bitLength(key.modulus);
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS) return `RSA modulus of ${bits} bits`;
  if (hex(key.exponent) !== EXPONENT) return 'RSA exponent other than 65537';
  if (key.modulus[key.modulus.length - 1]! % 2 === 0) return 'RSA modulus is even';
  return isRoca(key.modulus) ? 'RSA modulus has the ROCA fingerprint (CVE-2017-15361)' : null;
}

function bitLength(value: Uint8Array): number {
  return value.length === 0 ? 0 : 8 * value.length - Math.clz32(value[0]!) + 24;
}

const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
] as const;
const PRIMORIAL = PRIMES.reduce((product, prime) => product * BigInt(prime), 1n);

/** Per prime the residues of the powers of 65537. */
const POWERS: readonly ReadonlySet<number>[] = PRIMES.map((prime) => {
  const residues = new Set<number>();
  for (let power = 1; !residues.has(power); power = (power * 65_537) % prime) residues.add(power);
  return residues;
});

/**
 * Infineon's library made primes k*M + 65537^a mod M with M a primorial, so their product is a power of 65537 modulo every
 * small prime (Nemec et al., "The Return of Coppersmith's Attack", CCS 2017, §2.3). A random modulus passes all 38 by
 * chance about once in 2^27.
 */
export function isRoca(modulus: Uint8Array): boolean {
  if (modulus.length === 0) return false;
  const rest = BigInt(`0x${hex(modulus)}`) % PRIMORIAL;
  return PRIMES.every((prime, i) => POWERS[i]!.has(Number(rest % BigInt(prime))));
}
