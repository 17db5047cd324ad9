/** What a verdict keeps of a KeyDescription. */
import { hex } from '../../bytes/hex.ts';
import type { Checklist } from '../checklist.ts';
import type { Path } from '../path/profile.ts';
import { PROVISIONING_INFO, provisioning } from '../path/profiles/android.ts';
import type { AuthorizationList, KeyDescription } from './key-description.ts';
import { certificatesIssued } from './provisioning-info.ts';

/** What later policies and lists look at. Device identifiers (serial, IMEI) are never among them. */
export function recordFacts(description: KeyDescription, path: Path, steps: Checklist): void {
  const { hardwareEnforced: hardware, softwareEnforced: software } = description;
  const info = path[1]?.extensions.get(PROVISIONING_INFO);
  steps.fact('android', {
    attestationVersion: description.attestationVersion,
    keyMintVersion: description.keyMintVersion,
    attestationSecurityLevel: description.attestationSecurityLevel,
    keyMintSecurityLevel: description.keyMintSecurityLevel,
    provisioning: provisioning(path),
    certificatesIssued: info === undefined ? null : certificatesIssued(info.value),
    origin: hardware.origin,
    purposes: [...(hardware.purposes ?? [])],
    noAuthRequired: hardware.noAuthRequired,
    userAuthType: hardware.userAuthType,
    bootState: hardware.rootOfTrust?.verifiedBootState ?? null,
    deviceLocked: hardware.rootOfTrust?.deviceLocked ?? null,
    verifiedBootKey: hardware.rootOfTrust === null ? null : hex(hardware.rootOfTrust.verifiedBootKey),
    osVersion: hardware.osVersion,
    osPatchLevel: hardware.osPatchLevel,
    vendorPatchLevel: hardware.vendorPatchLevel,
    bootPatchLevel: hardware.bootPatchLevel,
    createdAt: software.creationTime ?? hardware.creationTime,
    packages: software.applicationId?.packages.map(({ name }) => name) ?? [],
    signingDigests: software.applicationId?.digests ?? [],
    unknownTags: unknownTags(hardware).concat(unknownTags(software)),
  });
}

/** Tags of KeyMint's Tag.aidl up to attestation version 500; others are new to this code, not wrong. */
const KNOWN_TAGS: ReadonlySet<number> = new Set([
  1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 200, 203, 303, 305, 400, 401, 402, 405, 502, 503, 504, 505, 506, 507, 508, 509, 600,
  601, 701, 702, 703, 704, 705, 706, 709, 710, 711, 712, 713, 714, 715, 716, 717, 718, 719, 720, 723, 724,
]);

function unknownTags(list: AuthorizationList): number[] {
  return [...list.tags.keys()].filter((tag) => !KNOWN_TAGS.has(tag));
}
