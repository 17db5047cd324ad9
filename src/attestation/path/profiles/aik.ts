/** Attestation identity key certificates of a TPM (WebAuthn L3 §8.3.1, TCG EK Credential Profile §3.2.9 for the name). */
import type { Certificate } from '../certificate.ts';
import { invalid, type Profile, type Violation } from '../profile.ts';
import { hasTpmAttributes } from '../tpm-name.ts';
import { strict } from './strict.ts';

const SPEC = 'WebAuthn L3 §8.3.1';
/** tcg-kp-AIKCertificate. */
const AIK_PURPOSE = '2.23.133.8.3';

export const aik: Profile = {
  ...strict,
  id: 'aik',
  leafMayBeAnchor: false,
  rules: ([leaf]) => (leaf === undefined ? invalid(null, 'aik.leaf', SPEC, 'no leaf') : leafRules(leaf)),
};

function leafRules(leaf: Certificate): Violation | null {
  if (leaf.version !== 3) return invalid(0, 'aik.version', SPEC, `version ${leaf.version}`);
  if (leaf.subject.attributes.length > 0) return invalid(0, 'aik.subject', SPEC, 'the subject is not empty');
  if (!hasTpmAttributes(leaf)) {
    return invalid(0, 'aik.san', SPEC, 'no alternative name with TPM manufacturer, model and version');
  }
  if (leaf.extendedKeyUsage?.includes(AIK_PURPOSE) !== true) {
    return invalid(0, 'aik.purpose', SPEC, `extended key usage lacks ${AIK_PURPOSE}`);
  }
  return leaf.basicConstraints?.ca === false
    ? null
    : invalid(0, 'aik.ca', SPEC, 'basicConstraints with cA false is missing');
}
