/** A modulus with the fingerprint of CVE-2017-15361: a power of 65537 modulo every small prime. Its factors are unknown and of no use. */
export function rocaModulus(random: Uint8Array): Uint8Array<ArrayBuffer> {
  const small = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109,
    113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
  ];
  const primorial = small.reduce((product, prime) => product * BigInt(prime), 1n);
  const start = BigInt(`0x${Buffer.from(random).toString('hex')}`) | (1n << 2047n);
  let modulus = start - (start % primorial) + (65537n ** 5n % primorial);
  if (modulus % 2n === 0n) modulus += primorial;
  return Uint8Array.from(Buffer.from(modulus.toString(16), 'hex'));
}
