/** What `android-key` and `android-keystore` ask alike of a chain and of its KeyDescription. */
import type { Checklist } from '../checklist.ts';
import type { Certificate } from '../path/certificate.ts';
import { attributeValues } from '../path/name.ts';
import type { Path } from '../path/profile.ts';
import { KEY_DESCRIPTION } from '../path/profiles/android.ts';
import type { Policy } from '../policy/policy.ts';
import type { TrustStore } from '../trust/store.ts';
import type { Assurance } from '../verdict.ts';
import { recordFacts } from './facts.ts';
import {
  type AuthorizationList,
  type KeyDescription,
  readKeyDescription,
  type SecurityLevel,
} from './key-description.ts';

const GUIDE = 'Android, Verify hardware-backed key pairs';
const SCHEMA = 'Android, Key and ID attestation, schema';

const ORGANIZATION = '2.5.4.10';
const TITLE = '2.5.4.12';
const SIGN = 2;
const VERIFY = 3;

/** Revocation: every certificate but the leaf, whose serial is 1 on every device, up to and with the anchor as it was sent. */
export function judgeStatus(
  issuers: readonly Certificate[],
  { androidStatus }: Pick<TrustStore, 'androidStatus'>,
  policy: Policy,
  now: number,
  steps: Checklist,
): void {
  const fresh = androidStatus !== null && now - androidStatus.fetchedAt <= policy.android.statusListMaxAgeMs;
  if (!fresh && policy.android.statusList === 'fail-open') {
    steps.skip('android.status-list-fresh', GUIDE, 'no fresh status list, and policy goes on without');
  } else {
    const detail = androidStatus === null ? 'no status list was imported' : 'a status list within its age limit';
    steps.demand(fresh, 'android.status-list-fresh', GUIDE, 'status-list-stale', detail);
  }
  for (const { serial } of issuers) {
    const listed = androidStatus?.entries.get(serial);
    const reason = listed?.status === 'SUSPENDED' ? 'suspended-by-list' : 'revoked-by-list';
    const detail = listed === undefined ? `${serial} is not listed` : `${serial} is ${listed.status}: ${listed.reason}`;
    steps.demand(listed === undefined, 'android.status', GUIDE, reason, detail);
  }
}

/** The record of the leaf; that no other certificate has one is a rule of the path. */
export function demandKeyDescription(leaf: Certificate, steps: Checklist): KeyDescription {
  const extension = leaf.extensions.get(KEY_DESCRIPTION);
  const description = extension === undefined ? null : readKeyDescription(extension.value);
  return steps.present(description, 'android.key-description', SCHEMA, 'malformed', 'KeyDescription of the leaf');
}

/** What the hardware establishes about the key, as far as policy takes it. `freshness` is for the caller to say. */
export type KeyFinding = Pick<Assurance, 'attestedKeyHardware' | 'bootState' | 'patchLevel'>;

export function judgeKeyDescription(
  description: KeyDescription,
  path: Path,
  policy: Policy,
  steps: Checklist,
): KeyFinding {
  recordFacts(description, path, steps);
  const level = judgeLevel(description, path, policy, steps);
  // Policies that take software keys take its word for itself; hardware is believed about what hardware enforces, no more.
  const enforced = level === 'software' ? description.softwareEnforced : description.hardwareEnforced;
  judgeUse(description, enforced, steps);
  judgeBoot(enforced, policy, steps);
  const patchLevel = judgePatchLevel(enforced, policy, steps);
  const bootState = enforced.rootOfTrust?.verifiedBootState;
  return {
    attestedKeyHardware: level,
    ...(bootState !== undefined && { bootState }),
    ...(patchLevel !== null && { patchLevel }),
  };
}

/** Both levels alike, at least what policy asks, and no more than the issuing certificate speaks for. */
function judgeLevel(description: KeyDescription, path: Path, policy: Policy, steps: Checklist): SecurityLevel {
  const { attestationSecurityLevel: attested, keyMintSecurityLevel: key } = description;
  const { minimumSecurityLevel: minimum } = policy.android;
  const software = attested === 'software' || key === 'software';
  const detail = `record made in ${attested}, key in ${key}`;
  steps.demand(!software || minimum === 'software', 'android.hardware', SCHEMA, 'software-key', detail);
  steps.demand(attested === key, 'android.levels-agree', SCHEMA, 'attributes', detail);
  const issuer =
    path[1] === undefined ? [] : [ORGANIZATION, TITLE].flatMap((type) => attributeValues(path[1]!.subject, type));
  const claims = issuer.includes('StrongBox') ? 'strongbox' : issuer.includes('TEE') ? 'tee' : null;
  const agrees = key === 'strongbox' ? claims === 'strongbox' : claims !== 'strongbox';
  steps.demand(
    agrees,
    'android.level-of-issuer',
    GUIDE,
    'attributes',
    `key in ${key}, issuer of ${claims ?? 'no level'}`,
  );
  const enough = minimum !== 'strongbox' || key === 'strongbox';
  steps.rule(
    enough,
    'android.minimum-level',
    'policy android.minimumSecurityLevel',
    'assurance',
    `${minimum} or better`,
  );
  return key;
}

/** Made here, to sign and to nothing else, for one application. */
function judgeUse(description: KeyDescription, enforced: AuthorizationList, steps: Checklist): void {
  const { origin, purposes } = enforced;
  steps.demand(origin === 'generated', 'android.origin', SCHEMA, 'attributes', `origin ${origin ?? 'absent'}`);
  const only = purposes?.has(SIGN) === true && [...purposes].every((purpose) => purpose === SIGN || purpose === VERIFY);
  steps.demand(
    only,
    'android.purpose',
    SCHEMA,
    'attributes',
    `purposes ${[...(purposes ?? [])].join(', ') || 'absent'}`,
  );
  const shared = description.softwareEnforced.allApplications || description.hardwareEnforced.allApplications;
  steps.demand(!shared, 'android.all-applications', SCHEMA, 'attributes', 'the key belongs to one application');
}

function judgeBoot(enforced: AuthorizationList, policy: Policy, steps: Checklist): void {
  const root = steps.present(enforced.rootOfTrust, 'android.root-of-trust', SCHEMA, 'boot-state', 'a root of trust');
  const { verifiedBootState: state, deviceLocked } = root;
  const allowed = policy.android.bootStates.includes(state);
  steps.rule(allowed, 'android.boot-state', 'policy android.bootStates', 'boot-state', `boot state ${state}`);
  const locked = deviceLocked || !policy.android.deviceLocked;
  const detail = deviceLocked ? 'bootloader locked' : 'bootloader unlocked';
  steps.rule(locked, 'android.device-locked', 'policy android.deviceLocked', 'boot-state', detail);
}

function judgePatchLevel(enforced: AuthorizationList, policy: Policy, steps: Checklist): number | null {
  const level = enforced.osPatchLevel;
  const floor = policy.android.minimumPatchLevel;
  const enough = floor === null || (level !== null && level >= floor);
  const detail = `${level ?? 'no'} patch level, ${floor ?? 'none'} asked`;
  steps.rule(enough, 'android.patch-level', 'policy android.minimumPatchLevel', 'patch-level', detail);
  return level;
}
