import { fromBase64url } from '../../bytes/base64url.ts';
import type { Manifest, ManifestReason } from '../../protocol/manifest.ts';
import { accountIdOf } from '../account.ts';
import type { Plan, SignatureCheck } from '../signature.ts';
import { type Authority, authorize, check, mayChangeRecovery, tooNew } from './authority.ts';
import { type Changes, changesBetween } from './changes.ts';
import { type Head, keyOf } from './head.ts';
import type { ParsedManifest } from './parse.ts';
import { asked, propose, sameTerms, settle, termsOf } from './recovery.ts';

/** What the judge knows that the chain does not say. */
export interface Judge {
  /** Milliseconds since 1970 on the judge's own clock. */
  readonly now: number;
  /** `accept`: the server takes a new version, issued within 5 minutes of now; `replay`: a client reads versions already accepted. */
  readonly mode: 'accept' | 'replay';
  /** When the device's certificate was revoked, as far as the judge knows; null when it was not. */
  revokedAt(device: string): number | null;
  /** Server only: the device has no certificate in force. */
  expired?(device: string): boolean;
}

export interface Step {
  readonly head: Head;
  readonly authority: Authority | { readonly by: 'genesis'; readonly id: string };
  readonly changes: Changes | null;
}

type Stepped = { ok: true; step: Step; checks: readonly SignatureCheck[] } | { ok: false; reason: ManifestReason };
export type ManifestRefusal = { readonly ok: false; readonly reason: ManifestReason; readonly version: number };

const SKEW = 5 * 60_000;
const refuse = (reason: ManifestReason): Stepped => ({ ok: false, reason });

/**
 * Plans the verification of a chain that begins at genesis (`known` null) or continues a verified head. A list that begins with the
 * known version again is fine. The result, one Step per new version, exists only through `conclude`.
 */
export function extend(
  account: string | null,
  known: Head | null,
  list: readonly ParsedManifest[],
  judge: Judge,
): Plan<Step[], ManifestReason> | ManifestRefusal {
  const steps: Step[] = [];
  const checks: SignatureCheck[] = [];
  let head = known;
  for (const parsed of list) {
    if (head && head === known && parsed.hash === head.hash) continue;
    const stepped: Stepped = head ? next(head, parsed, judge) : genesis(account, parsed, judge);
    if (!stepped.ok) return { ok: false, reason: stepped.reason, version: parsed.manifest.version };
    steps.push(stepped.step);
    checks.push(...stepped.checks);
    head = stepped.step.head;
  }
  return {
    ok: true,
    checks,
    conclude: (holds) =>
      checks.every(holds) ? { ok: true, value: steps } : { ok: false, reason: 'signature-invalid' },
  };
}

/** Version 1 is signed by its only device; its hash is the account id. */
function genesis(account: string | null, { manifest, hash, signatures }: ParsedManifest, judge: Judge): Stepped {
  const id = accountIdOf(fromBase64url(hash)!);
  if (manifest.version !== 1) return refuse('version-skipped');
  if (manifest.account !== null || manifest.previous !== null) return refuse('account-mismatch');
  if (account !== null && account !== id) return refuse('account-mismatch');
  const late = timing(null, manifest, judge);
  if (late) return refuse(late);
  const [device, secondDevice] = manifest.devices;
  const [signature, secondSignature] = signatures;
  if (!device || secondDevice) return refuse('unauthorized');
  if (signature?.kid !== device.id || secondSignature) return refuse('signature-unexpected');
  if (device.addedAt !== manifest.issuedAt) return refuse('added-at');
  const recovery = { effective: termsOf(manifest), pending: null, keyUsedAt: null };
  const since = { [device.id]: 1 };
  const head: Head = { account: id, version: 1, hash, manifest, since, retired: { ids: [], keys: [] }, recovery };
  const step: Step = { head, authority: { by: 'genesis', id: device.id }, changes: null };
  return { ok: true, step, checks: [check(signature, device.key)] };
}

/** Version n+1, rule by rule in the order of docs/protocol/directory.md §1.3. */
function next(head: Head, parsed: ParsedManifest, judge: Judge): Stepped {
  const { manifest, hash } = parsed;
  const misplaced = place(head, manifest) ?? timing(head, manifest, judge);
  if (misplaced) return refuse(misplaced);
  if (manifest.devices.length === 0) return refuse('last-device');
  if (manifest.minProtocol < head.manifest.minProtocol) return refuse('protocol-downgrade');
  const changes = changesBetween(head.manifest, manifest);
  const reused = reuse(head, manifest, changes);
  if (reused) return refuse(reused);
  const settled = settle(head.recovery, manifest.issuedAt);
  const authorized = authorize(head, parsed, changes, settled);
  if (!authorized.ok) return authorized;
  const { authority, checks } = authorized;
  const barred = standing(manifest, authority, parsed, judge);
  if (barred) return refuse(barred);
  if (tooNew(head, parsed, changes, authority)) return refuse('signer-too-new');
  const terms = termsOf(manifest);
  const isVeto = settled.pending !== null && sameTerms(settled.effective, terms);
  const current = { ...head, recovery: settled };
  if (!sameTerms(asked(settled), terms) && !mayChangeRecovery(current, manifest.issuedAt, authority, isVeto)) {
    return refuse('signer-too-new');
  }
  const present = head.manifest.devices.map((device) => device.id);
  const proposed = propose(settled, terms, manifest.issuedAt, present);
  if (silences(proposed.pending?.devices ?? [], changes, authority)) return refuse('removal-while-recovery-pending');
  const recovery = authority.by === 'recovery-key' ? { ...proposed, keyUsedAt: manifest.issuedAt } : proposed;
  const retired = retire(head, changes);
  const since = sinceOf(head, manifest);
  const account = head.account;
  return {
    ok: true,
    step: {
      head: { account, version: manifest.version, hash, manifest, since, retired, recovery },
      authority,
      changes,
    },
    checks,
  };
}

/** Same account, next version, on top of exactly this head. */
function place(head: Head, manifest: Manifest): ManifestReason | null {
  if (manifest.account !== head.account) return 'account-mismatch';
  if (manifest.version === head.version) return 'fork';
  if (manifest.version < head.version) return 'version-known';
  if (manifest.version > head.version + 1) return 'version-skipped';
  return manifest.previous === head.hash ? null : 'previous-mismatch';
}

function timing(head: Head | null, manifest: Manifest, { now, mode }: Judge): ManifestReason | null {
  if (head && manifest.issuedAt < head.manifest.issuedAt) return 'issued-before-previous';
  if (manifest.issuedAt > now + SKEW) return 'issued-in-future';
  return mode === 'accept' && manifest.issuedAt < now - SKEW ? 'issued-too-early' : null;
}

/** Ids and keys come once; the time of joining is the version's own. */
function reuse(head: Head, manifest: Manifest, { added, replaced, kept }: Changes): ManifestReason | null {
  if (added.some((device) => head.retired.ids.includes(device.id))) return 'device-reused';
  const fresh = [...added, ...replaced.map((pair) => pair.after)];
  const spent = new Set([...head.retired.keys, ...head.manifest.devices.map((device) => device.key)]);
  if (fresh.some((device) => spent.has(device.key))) return 'key-reused';
  const dated =
    fresh.every((device) => device.addedAt === manifest.issuedAt) &&
    kept.every((pair) => pair.before.addedAt === pair.after.addedAt);
  return dated ? null : 'added-at';
}

/** Revoked devices sign nothing from then on; one without a certificate in force signs only its own replacement. */
function standing(
  { issuedAt }: Manifest,
  authority: Authority,
  { signatures }: ParsedManifest,
  judge: Judge,
): ManifestReason | null {
  const revoked = signatures.some(({ kid }) => (judge.revokedAt(kid) ?? Infinity) <= issuedAt);
  if (revoked) return 'signer-revoked';
  if (authority.by !== 'device' && authority.by !== 'self-removal') return null;
  return judge.expired?.(authority.id) ? 'signer-expired' : null;
}

/** While a change of recovery waits, nobody removes another device that could veto it. */
function silences(voters: readonly string[], { removed }: Changes, authority: Authority): boolean {
  return removed.some((device) => voters.includes(device.id) && !(authority.by === 'self-removal'));
}

function retire({ retired }: Head, { removed, replaced }: Changes): Head['retired'] {
  return {
    ids: [...retired.ids, ...removed.map((device) => device.id)],
    keys: [...retired.keys, ...removed.map((device) => device.key), ...replaced.map((pair) => pair.before.key)],
  };
}

function sinceOf(head: Head, { devices, version }: Manifest): Head['since'] {
  const unchanged = (id: string, key: string): number | undefined =>
    keyOf(head, id) === key ? head.since[id] : undefined;
  return Object.fromEntries(devices.map(({ id, key }) => [id, unchanged(id, key) ?? version]));
}
