/**
 * Which authenticator made a packed statement (WebAuthn L3 §7.1 steps 23 and 24): the path must end at an anchor that the FIDO
 * metadata or the trust store binds to the very AAGUID. An AAGUID by itself is what the client claims.
 */
import { equal } from '../../bytes/join.ts';
import type { Checklist } from '../checklist.ts';
import { type Certificate, readCertificate } from '../path/certificate.ts';
import { judgePath } from '../path/judge.ts';
import type { Profile } from '../path/profile.ts';
import type { FormatId, KeyHardware } from '../verdict.ts';
import { aaguidText } from '../webauthn/authenticator-data.ts';
import type { Judging } from '../webauthn/statement.ts';
import { recordPath } from './chain.ts';
import { anchorsFor } from './judge.ts';
import type { Anchor, MetadataEntry, TrustStore } from './store.ts';

export interface AuthenticatorQuestion {
  readonly format: 'packed' | 'tpm' | 'development';
  readonly profile: Profile;
  readonly chain: readonly Certificate[];
  /** 16 bytes of the authenticator data. */
  readonly aaguid: Uint8Array;
  /** Whether the attestation certificate carries the AAGUID. */
  readonly proven: boolean;
}

const SPEC = 'WebAuthn L3 §7.1 steps 23 and 24';

export async function judgeAuthenticator(
  { format, profile, chain, aaguid, proven }: AuthenticatorQuestion,
  judging: Judging,
  steps: Checklist,
): Promise<{ readonly anchor: Anchor; readonly hardware: KeyHardware }> {
  const { now, listsAt, trust, policy } = judging;
  const name = aaguidText(aaguid);
  judgeClaim(name, format, trust, steps);
  const fresh = judgeMetadataList(judging, steps);
  const entry = trust.metadata?.entries.get(name) ?? null;
  const anchors = [...(fresh ? metadataAnchors(entry, format) : []), ...anchorsFor(trust, format)];
  const shown = pinnedSoftware(chain, anchors);
  const { anchor, path } = await judgePath({ chain: shown, anchors, now, profile }, policy, steps);
  recordPath(path, steps);
  judgeBinding(name, anchor, entry, proven, judging, steps);
  if (entry !== null) judgeStatus(entry, chain, listsAt, steps);
  return { anchor, hardware: hardwareOf(anchor, entry) };
}

/** Whether a fresh list is there, which policy may ask for. An old list still condemns, and vouches for nobody. */
function judgeMetadataList({ listsAt, trust, policy }: Judging, steps: Checklist): boolean {
  const spec = 'policy metadata';
  const list = trust.metadata;
  const fresh = list !== null && listsAt - list.fetchedAt <= policy.metadata.maxAgeMs;
  const detail = list === null ? 'no metadata list is loaded' : `list no ${list.no}, ${fresh ? 'fresh' : 'too old'}`;
  if (fresh || policy.metadata.required) steps.demand(fresh, 'metadata.fresh', spec, 'status-list-stale', detail);
  else steps.skip('metadata.fresh', spec, detail);
  return fresh;
}

function metadataAnchors(entry: MetadataEntry | null, format: AuthenticatorQuestion['format']): readonly Anchor[] {
  if (entry === null || format !== 'packed') return [];
  const software = !entry.keyProtection.some((kind) => HARDWARE_PROTECTION.has(kind));
  return entry.roots.flatMap(({ certificate, shared }, i): Anchor[] => {
    const read = readCertificate(certificate);
    if (read === null) return [];
    return [
      {
        id: `mds:${entry.aaguid}:${i}`,
        certificate: read,
        class: software ? 'software' : 'hardware',
        formats: ['packed'],
        vendor: entry.description,
        aaguids: shared ? [entry.aaguid, SHARED] : [entry.aaguid],
        source: 'FIDO metadata',
      },
    ];
  });
}

/** Stands in `aaguids` for the other authenticators of a root that the list names more than once. */
const SHARED = 'others';
const HARDWARE_PROTECTION: ReadonlySet<string> = new Set(['hardware', 'tee', 'secure_element']);

/**
 * Software authenticators whose key everybody knows sign their certificate afresh each time: the key is the anchor. Their class
 * decides what that is worth.
 */
function pinnedSoftware(chain: readonly Certificate[], anchors: readonly Anchor[]): readonly Certificate[] {
  const leaf = chain[0]!;
  const pinned = anchors.find((anchor) => anchor.class === 'software' && equal(anchor.certificate.spki, leaf.spki));
  return pinned === undefined ? chain : [pinned.certificate];
}

/** An AAGUID that the store's anchors speak for in another format alone (Windows Hello's in `tpm`) is a forged claim here. */
function judgeClaim(name: string, format: FormatId, trust: TrustStore, steps: Checklist): void {
  const owners = trust.anchors.filter((anchor) => anchor.class === 'hardware' && anchor.aaguids.includes(name));
  steps.demand(
    owners.length === 0 || owners.some((anchor) => anchor.formats.includes(format)),
    'trust.claimed-aaguid',
    SPEC,
    'aaguid-refused',
    `AAGUID ${name} is of an authenticator that makes ${format} statements`,
  );
}

function judgeBinding(
  name: string,
  anchor: Anchor,
  entry: MetadataEntry | null,
  proven: boolean,
  { policy }: Judging,
  steps: Checklist,
): void {
  if (anchor.class !== 'hardware') {
    steps.skip('trust.aaguid-binding', SPEC, `an anchor of class ${anchor.class} proves no model`);
    return;
  }
  const bound = anchor.aaguids.includes(name) && (proven || anchor.aaguids.length === 1);
  if (bound || policy.webauthn.knownAaguid) {
    steps.rule(bound, 'trust.aaguid-binding', SPEC, 'aaguid-refused', `${anchor.id} speaks for AAGUID ${name}`);
  } else {
    steps.skip('trust.aaguid-binding', SPEC, `policy takes AAGUID ${name} on the word of ${anchor.id}`);
  }
  steps.fact('model', entry?.description ?? null);
}

/** FIDO MDS 3.1 §3.1.4: what condemns an authenticator while it is in effect; UPDATE_AVAILABLE only warns. */
const CONDEMNED: ReadonlySet<string> = new Set([
  'REVOKED',
  'ATTESTATION_KEY_COMPROMISE',
  'USER_VERIFICATION_BYPASS',
  'USER_KEY_REMOTE_COMPROMISE',
  'USER_KEY_PHYSICAL_COMPROMISE',
]);

function judgeStatus(entry: MetadataEntry, chain: readonly Certificate[], now: number, steps: Checklist): void {
  const current = entry.statusReports.filter(
    ({ effectiveAt, sunsetAt, certificate }) =>
      (effectiveAt === null || effectiveAt <= now) &&
      (sunsetAt === null || now < sunsetAt) &&
      (certificate === null || chain.some((shown) => equal(shown.der, certificate))),
  );
  const condemning = current.find(({ status }) => CONDEMNED.has(status));
  steps.demand(
    condemning === undefined,
    'metadata.status',
    'FIDO MDS 3.1 §3.1.4',
    'revoked-by-list',
    condemning === undefined ? 'no status in effect condemns it' : `status ${condemning.status} is in effect`,
  );
  steps.fact(
    'metadataStatus',
    current.map(({ status }) => status),
  );
}

function hardwareOf(anchor: Anchor, entry: MetadataEntry | null): KeyHardware {
  if (anchor.class !== 'hardware') return 'software';
  const tee = entry !== null && entry.keyProtection.includes('tee') && !entry.keyProtection.includes('secure_element');
  return tee ? 'tee' : 'security-key';
}
