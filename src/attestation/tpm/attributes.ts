/** TPMA_OBJECT (Part 2 §8.3): bit masks at their true positions. */
export const ATTRIBUTE = {
  fixedTPM: 0x00000002,
  stClear: 0x00000004,
  fixedParent: 0x00000010,
  sensitiveDataOrigin: 0x00000020,
  userWithAuth: 0x00000040,
  adminWithPolicy: 0x00000080,
  firmwareLimited: 0x00000100,
  svnLimited: 0x00000200,
  noDA: 0x00000400,
  encryptedDuplication: 0x00000800,
  restricted: 0x00010000,
  decrypt: 0x00020000,
  sign: 0x00040000,
  x509sign: 0x00080000,
} as const;

export type AttributeName = keyof typeof ATTRIBUTE;

const KNOWN = Object.values(ATTRIBUTE).reduce((all, bit) => all | bit, 0);

/** Made inside this TPM and never able to leave it. */
export const BOUND_TO_TPM: readonly AttributeName[] = ['fixedTPM', 'fixedParent', 'sensitiveDataOrigin'];

export function has(attributes: number, ...names: readonly AttributeName[]): boolean {
  return names.every((name) => (attributes & ATTRIBUTE[name]) !== 0);
}

export function hasNone(attributes: number, ...names: readonly AttributeName[]): boolean {
  return names.every((name) => (attributes & ATTRIBUTE[name]) === 0);
}

/** Reserved bits are zero (Part 2 §8.3.1). */
export function reservedClear(attributes: number): boolean {
  return (attributes & ~KNOWN) === 0;
}

export function attributeNames(attributes: number): AttributeName[] {
  return (Object.keys(ATTRIBUTE) as AttributeName[]).filter((name) => has(attributes, name));
}

export function attributes(...names: readonly AttributeName[]): number {
  return names.reduce((all, name) => all | ATTRIBUTE[name], 0);
}
