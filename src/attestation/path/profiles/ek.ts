/** Endorsement key certificates (TCG EK Credential Profile for TPM Family 2.0 v2.6, §3.2). */
import type { Anchor } from '../../trust/store.ts';
import { type Certificate, EXTENSION } from '../certificate.ts';
import { invalid, type Profile, type Violation } from '../profile.ts';
import { hasTpmAttributes } from '../tpm-name.ts';
import { strict } from './strict.ts';

const SPEC = 'TCG EK Credential Profile 2.6 §3.2';
/** tcg-kp-EKCertificate. */
const EK_PURPOSE = '2.23.133.8.1';

export const ek: Profile = {
  ...strict,
  id: 'ek',
  leafMayBeAnchor: false,
  rules: ([leaf], anchor) => (leaf === undefined ? invalid(null, 'ek.leaf', SPEC, 'no leaf') : leafRules(leaf, anchor)),
};

function leafRules(leaf: Certificate, anchor: Anchor): Violation | null {
  if (leaf.version !== 3) return invalid(0, 'ek.version', SPEC, `version ${leaf.version}`);
  if (leaf.serial === '0') return invalid(0, 'ek.serial', SPEC, 'the serial is not positive');
  if (leaf.issuer.attributes.length === 0) return invalid(0, 'ek.issuer', SPEC, 'the issuer is empty');
  if (leaf.basicConstraints?.ca !== false || !critical(leaf, EXTENSION.basicConstraints)) {
    return invalid(0, 'ek.ca', SPEC, 'critical basicConstraints with cA false is missing');
  }
  return keyUsage(leaf) ?? tpmName(leaf, anchor) ?? purposes(leaf);
}

function keyUsage(leaf: Certificate): Violation | null {
  const usage = leaf.key.kind === 'rsa' ? 'keyEncipherment' : 'keyAgreement';
  const held = leaf.keyUsage?.has(usage) === true && critical(leaf, EXTENSION.keyUsage);
  return held ? null : invalid(0, 'ek.key-usage', SPEC, `critical keyUsage with ${usage} is missing`);
}

/** Cloud vendors issue certificates for virtual TPMs without the TPM's attributes; physical ones must carry them. */
function tpmName(leaf: Certificate, anchor: Anchor): Violation | null {
  if (anchor.class !== 'virtual-tpm' && !hasTpmAttributes(leaf)) {
    return invalid(0, 'ek.san', SPEC, 'no alternative name with TPM manufacturer, model and version');
  }
  const nameless = leaf.subject.attributes.length === 0 && !critical(leaf, EXTENSION.subjectAltName);
  return nameless ? invalid(0, 'ek.san-critical', SPEC, 'subject empty and alternative name not critical') : null;
}

function purposes(leaf: Certificate): Violation | null {
  if (leaf.authorityKeyId === null) return invalid(0, 'ek.aki', SPEC, 'no authority key identifier');
  if (leaf.extendedKeyUsage !== null && !leaf.extendedKeyUsage.includes(EK_PURPOSE)) {
    return invalid(0, 'ek.purpose', SPEC, `extended key usage lacks ${EK_PURPOSE}`);
  }
  return null;
}

function critical(certificate: Certificate, id: string): boolean {
  return certificate.extensions.get(id)?.critical === true;
}
