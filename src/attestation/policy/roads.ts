/**
 * Who can enroll, and how: platform x road x format. docs/who-can-enroll.md is made from this table, a client is told its open
 * roads from it, and tests hold it against the verifier.
 */
import type { FormatId, KeyHardware } from '../verdict.ts';
import { unnamedApplications } from './configured.ts';
import type { Policy } from './policy.ts';

export type Platform =
  | 'iphone-app'
  | 'android-app'
  | 'windows-browser'
  | 'android-browser'
  | 'apple-browser'
  | 'synced-passkey'
  | 'security-key'
  | 'linux'
  | 'cloud-machine'
  | 'development';

export interface Road {
  readonly platform: Platform;
  /** What the device is, for people. */
  readonly device: string;
  /** `format` of the evidence that a client sends. */
  readonly evidence: 'webauthn' | 'app-attest' | 'android-keystore' | 'tpm2' | 'linked';
  readonly format: FormatId;
  /** Where the attested key lives at best. */
  readonly hardware: KeyHardware;
  readonly binding: 'key-attested' | 'vouched';
  readonly note: string;
}

export const roads: readonly Road[] = [
  {
    platform: 'iphone-app',
    device: 'iPhone, iPad: app',
    evidence: 'app-attest',
    format: 'app-attest',
    hardware: 'secure-enclave',
    binding: 'vouched',
    note: 'once the policy names the app (`apple.applications`)',
  },
  {
    platform: 'android-app',
    device: 'Android: app',
    evidence: 'android-keystore',
    format: 'android-keystore',
    hardware: 'tee',
    binding: 'key-attested',
    note: 'once the policy names the app (`android.applications`); needs a fresh status list; verified boot',
  },
  {
    platform: 'windows-browser',
    device: 'Windows: browser with Windows Hello',
    evidence: 'webauthn',
    format: 'tpm',
    hardware: 'discrete-tpm',
    binding: 'vouched',
    note: 'platform authenticator, attestation `direct`',
  },
  {
    platform: 'android-browser',
    device: 'Android: browser',
    evidence: 'webauthn',
    format: 'android-key',
    hardware: 'tee',
    binding: 'vouched',
    note: 'a platform credential that is not discoverable; needs a fresh status list',
  },
  {
    platform: 'apple-browser',
    device: 'Safari before iOS 16 and macOS 13',
    evidence: 'webauthn',
    format: 'apple',
    hardware: 'secure-enclave',
    binding: 'vouched',
    note: 'later versions attest nothing: link them',
  },
  {
    platform: 'apple-browser',
    device: 'Safari, any browser on a Mac',
    evidence: 'linked',
    format: 'linked',
    hardware: 'secure-enclave',
    binding: 'vouched',
    note: 'vouched for by an attested device of the same account; never the only device',
  },
  {
    platform: 'synced-passkey',
    device: 'Synced passkey',
    evidence: 'linked',
    format: 'linked',
    hardware: 'secure-enclave',
    binding: 'vouched',
    note: 'its key may be copied (BE=1), so it attests nothing itself',
  },
  {
    platform: 'security-key',
    device: 'Any browser with a FIDO2 security key',
    evidence: 'webauthn',
    format: 'packed',
    hardware: 'security-key',
    binding: 'vouched',
    note: 'the model must be bound to its root by the trust store or the FIDO metadata',
  },
  {
    platform: 'security-key',
    device: 'Any browser with a U2F security key',
    evidence: 'webauthn',
    format: 'fido-u2f',
    hardware: 'security-key',
    binding: 'vouched',
    note: 'has no model number that could be proven',
  },
  {
    platform: 'linux',
    device: 'Linux, servers, Windows services: TPM 2.0',
    evidence: 'tpm2',
    format: 'tpm2',
    hardware: 'discrete-tpm',
    binding: 'key-attested',
    note: 'endorsement certificate of the TPM’s maker; two steps',
  },
  {
    platform: 'cloud-machine',
    device: 'Cloud machine with a virtual TPM',
    evidence: 'tpm2',
    format: 'tpm2',
    hardware: 'virtual-tpm',
    binding: 'key-attested',
    note: 'the cloud holds the key: a class of its own',
  },
  {
    platform: 'development',
    device: 'Developer’s machine: development attester',
    evidence: 'webauthn',
    format: 'development',
    hardware: 'software',
    binding: 'vouched',
    note: 'root made at first start; never in production',
  },
  {
    platform: 'development',
    device: 'Developer’s machine: browser without attestation',
    evidence: 'webauthn',
    format: 'none',
    hardware: 'none',
    binding: 'vouched',
    note: 'proves nothing',
  },
];

/** Whether policy takes evidence of this road, from an application that it names where a road is one of applications. */
export function isOpen(road: Road, policy: Policy): boolean {
  const anchored = road.hardware !== 'virtual-tpm' || policy.anchorClasses.includes('virtual-tpm');
  return anchored && policy.formats.some((format) => format === road.format) && policy.hardware.includes(road.hardware);
}

/** The roads that are open now: those of applications only once the policy names some. */
export function openRoads(policy: Policy): readonly Road[] {
  const unnamed: readonly string[] = unnamedApplications(policy);
  return roads.filter((road) => isOpen(road, policy) && !unnamed.includes(road.format));
}
