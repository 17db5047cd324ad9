/** The policy under which a collection's `accept` holds: everything but the proof itself is let through. */
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import type { Vector, VectorFile } from './vector.ts';

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
      applications: 'any',
      bootStates: ['verified', 'self-signed', 'unverified', 'failed'],
      deviceLocked: false,
      minimumPatchLevel: null,
      statusList: 'fail-open',
    },
  };
}

/** Offline nobody knows whose application it is: a policy that names none takes the one that the vector names. */
export function namingApplications(policy: Policy, { input }: Vector): Policy {
  const { teamId, bundleId } = input;
  const own = typeof teamId === 'string' && typeof bundleId === 'string' ? [`${teamId}.${bundleId}`] : [];
  const { apple, android } = policy;
  return {
    ...policy,
    apple: { ...apple, applications: apple.applications.length === 0 ? own : apple.applications },
    android: { ...android, applications: android.applications.length === 0 ? 'any' : android.applications },
  };
}
