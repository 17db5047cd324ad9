/**
 * The four policies that ship. `standard` is the default; docs/policy.md explains every field. None of them can know a deployment's
 * own applications: those of phones enroll once its POLICY names them.
 */
import type { Policy } from './policy.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** ES256, EdDSA, ES384, ES512, RS256, PS256, and their fully-specified twins (RFC 9864). */
const ALGORITHMS = [-7, -8, -35, -36, -257, -37, -9, -19, -51, -52] as const;

const standard: Policy = {
  version: 'standard-1',
  formats: ['packed', 'tpm', 'android-key', 'apple', 'android-keystore', 'app-attest', 'tpm2'],
  hardware: ['strongbox', 'tee', 'secure-enclave', 'discrete-tpm', 'firmware-tpm', 'tpm', 'security-key'],
  anchorClasses: ['hardware'],
  monitor: [],
  webauthn: {
    algorithms: ALGORITHMS,
    selfAttestation: false,
    syncable: false,
    crossOrigin: false,
    userVerification: true,
    knownAaguid: true,
    aaguidAllow: null,
    aaguidDeny: [],
  },
  android: {
    bootStates: ['verified'],
    deviceLocked: true,
    minimumPatchLevel: 202_201,
    applications: [],
    minimumSecurityLevel: 'tee',
    statusList: 'fail-closed',
    statusListMaxAgeMs: 72 * HOUR,
  },
  apple: { applications: [], environments: ['production'] },
  tpm: { vendorsDeny: [], pcrs: null },
  metadata: { required: false, maxAgeMs: 45 * DAY },
  capPerEndorsementKey: 5,
  inventory: 'off',
};

/** `standard` and `linked`: browsers that cannot attest join through a device that did. */
const consumer: Policy = {
  ...standard,
  version: 'consumer-1',
  formats: [...standard.formats, 'linked'],
  webauthn: { ...standard.webauthn, userVerification: false },
  android: { ...standard.android, bootStates: ['verified', 'self-signed'], minimumPatchLevel: null },
};

const strict: Policy = {
  ...standard,
  version: 'strict-1',
  formats: ['packed', 'tpm', 'android-key', 'android-keystore', 'app-attest', 'tpm2'],
  hardware: ['strongbox', 'tee', 'secure-enclave', 'discrete-tpm', 'firmware-tpm', 'security-key'],
  android: { ...standard.android, minimumPatchLevel: 202_501, statusListMaxAgeMs: 24 * HOUR },
  metadata: { required: true, maxAgeMs: 35 * DAY },
  capPerEndorsementKey: 1,
};

/** Everything that a developer's machine can produce, and nothing that a deployment may run with. */
const development: Policy = {
  ...consumer,
  version: 'development-1',
  formats: [...consumer.formats, 'fido-u2f', 'none', 'development'],
  hardware: [...standard.hardware, 'virtual-tpm', 'software', 'none'],
  anchorClasses: ['hardware', 'virtual-tpm', 'software', 'development'],
  webauthn: { ...consumer.webauthn, selfAttestation: true, syncable: true, knownAaguid: false },
  android: {
    ...consumer.android,
    bootStates: ['verified', 'self-signed', 'unverified', 'failed'],
    applications: 'any',
    deviceLocked: false,
    minimumSecurityLevel: 'software',
    statusList: 'fail-open',
  },
  apple: { applications: [], environments: ['production', 'development'] },
  capPerEndorsementKey: 1_000,
};

export const policies = { development, consumer, standard, strict } as const;
export type PolicyName = keyof typeof policies;
