/**
 * Android key attestation chains, judged by position: genuine factory chains break RFC 5280 (expired certificates, an
 * attestation certificate that is no CA), and an attested application key can sign what looks like one more certificate.
 *
 *   factory  leaf <- attestation key <- factory intermediate (SERIALNUMBER and T=TEE|StrongBox) <- anchor
 *   remote   leaf <- attestation key <- server <- intermediate <- anchor   (remote key provisioning)
 *   software leaf <- attestation key <- anchor
 */
import type { Certificate } from '../certificate.ts';
import { attributeValues } from '../name.ts';
import { invalid, type Path, type Profile, type Violation } from '../profile.ts';
import { UNDERSTOOD } from './strict.ts';

const SPEC = 'Android, Verify hardware-backed key pairs with key attestation';

export const KEY_DESCRIPTION = '1.3.6.1.4.1.11129.2.1.17';
export const PROVISIONING_INFO = '1.3.6.1.4.1.11129.2.1.30';
const SERIAL_NUMBER = '2.5.4.5';
const TITLE = '2.5.4.12';

export type Provisioning = 'factory' | 'remote' | 'software';

/** Which grammar the path follows; null is none of them. */
export function provisioning(path: Path): Provisioning | null {
  const top = path[path.length - 1];
  if (top === undefined) return null;
  if (path.length === 4) return 'remote';
  if (path.length === 3) return isFactoryIntermediate(top) && !isRemote(path) ? 'factory' : null;
  return path.length === 2 ? 'software' : null;
}

function isFactoryIntermediate(certificate: Certificate): boolean {
  const titles = attributeValues(certificate.subject, TITLE);
  return (
    attributeValues(certificate.subject, SERIAL_NUMBER).length === 1 &&
    titles.length === 1 &&
    (titles[0] === 'TEE' || titles[0] === 'StrongBox')
  );
}

function isRemote(path: Path): boolean {
  return path.some((certificate) => certificate.extensions.has(PROVISIONING_INFO));
}

export const android: Profile = {
  id: 'android',
  understood: new Set([...UNDERSTOOD, KEY_DESCRIPTION]),
  leafMayBeAnchor: false,
  /** The leaf's dates are the device's own; factory certificates outlive theirs; remote ones are short on purpose. */
  honorsValidity: (path, index) => index !== 0 && index !== path.length && provisioning(path) !== 'factory',
  /** A factory's attestation certificate may say cA=FALSE (Sony Xperia 10 III): position and KeyDescription decide there. */
  mustBeCa: (path, index) => !(index === 1 && provisioning(path) === 'factory'),
  rules: (path, anchor, given) => {
    const extended = extension(given);
    if (extended !== null) return extended;
    const known = provisioning(path);
    const genuine = known === 'factory' || known === 'remote' || (known === 'software' && anchor.class !== 'hardware');
    return genuine ? null : invalid(null, 'android.grammar', SPEC, 'neither a factory nor a remote chain');
  },
};

/** KeyDescription in the leaf and nowhere else: whatever stands above an attested key was not issued by Google. */
function extension(given: readonly Certificate[]): Violation | null {
  const at = given.flatMap((certificate, i) => (certificate.extensions.has(KEY_DESCRIPTION) ? [i] : []));
  if (at[0] !== 0) return invalid(0, 'android.key-description', SPEC, 'the leaf has no KeyDescription');
  if (at.length > 1)
    return invalid(at[1]!, 'android.chain-extended', SPEC, 'a certificate above the leaf has a KeyDescription');
  return null;
}
