/** RFC 5280 §6.1 without exceptions: security keys, metadata signers, whatever has no family of its own. */
import { EXTENSION } from '../certificate.ts';
import type { Profile } from '../profile.ts';

/** basicConstraints, keyUsage, names, key purposes and policies; no policy is asked for, so none can fail (§6.1.5). */
export const UNDERSTOOD: ReadonlySet<string> = new Set([
  EXTENSION.basicConstraints,
  EXTENSION.keyUsage,
  EXTENSION.subjectAltName,
  EXTENSION.extendedKeyUsage,
  EXTENSION.policies,
  EXTENSION.authorityKeyId,
  EXTENSION.subjectKeyId,
]);

export const strict: Profile = {
  id: 'strict',
  understood: UNDERSTOOD,
  leafMayBeAnchor: true,
  honorsValidity: () => true,
  mustBeCa: () => true,
  rules: () => null,
};
