/** The policy under which a collection's `accept` holds: everything but the proof itself is let through. */
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import type { VectorFile } from './vector.ts';

const ANCHOR_CLASSES = ['hardware', 'virtual-tpm', 'software', 'test'] as const;

export function familyPolicy(file: VectorFile): Policy {
  const { standard } = policies;
  const classes = file.policy.trustedAnchorClasses ?? [];
  /** A family that trusts a test root judges the ceremony, so statements without hardware are conforming too. */
  const ceremony = file.policy.trustedAnchors !== undefined;
  return {
    ...standard,
    version: `vectors-${file.family}`,
    formats: ceremony ? [...standard.formats, 'fido-u2f', 'none'] : [...standard.formats, 'fido-u2f'],
    hardware: ceremony ? [...standard.hardware, 'software', 'none'] : [...standard.hardware, 'virtual-tpm'],
    anchorClasses: ANCHOR_CLASSES.filter((name) => classes.includes(name) || (ceremony && name === 'test')),
    webauthn: {
      ...standard.webauthn,
      selfAttestation: ceremony,
      syncable: true,
      crossOrigin: true,
      userVerification: false,
      knownAaguid: false,
    },
    android: {
      ...standard.android,
      bootStates: ['verified', 'self-signed', 'unverified', 'failed'],
      deviceLocked: false,
      minimumPatchLevel: null,
      statusList: 'fail-open',
    },
  };
}
