import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { sha256 } from '@noble/hashes/sha2.js';
import { type ManifestReason, RECOVERY_KID } from '../../protocol/manifest.ts';
import type { SignatureCheck } from '../signature.ts';
import type { Changes } from './changes.ts';
import type { Head } from './head.ts';
import type { ParsedManifest, ParsedSignature } from './parse.ts';
import type { RecoveryState } from './recovery.ts';

/** Under whose authority a version stands. */
export type Authority =
  | { readonly by: 'device'; readonly id: string }
  | { readonly by: 'self-removal'; readonly id: string }
  | { readonly by: 'replacement'; readonly id: string }
  | { readonly by: 'recovery-key' };

export type Authorized =
  | { ok: true; authority: Authority; checks: SignatureCheck[] }
  | { ok: false; reason: ManifestReason };

const refuse = (reason: ManifestReason): Authorized => ({ ok: false, reason });
const WEEK = 7 * 24 * 3_600_000;

/** The two-key rule and its three exceptions: who must have signed, and that nobody else did. */
export function authorize(head: Head, next: ParsedManifest, changes: Changes, recovery: RecoveryState): Authorized {
  if (next.signatures.some((signature) => signature.kid === RECOVERY_KID)) {
    return byRecoveryKey(next, changes, recovery);
  }
  return changes.replaced.length > 0 ? byReplacement(next, changes) : byDevice(head, next, changes);
}

/** One signer in both n and n+1, or one that removes only itself; and every added key. */
function byDevice(head: Head, next: ParsedManifest, changes: Changes): Authorized {
  const possession = possessionOf(next, changes);
  if (!possession.ok) return possession;
  const [signer, second] = possession.others;
  if (!signer) return refuse('unauthorized');
  if (second) return refuse('signature-unexpected');
  const before = head.manifest.devices.find((device) => device.id === signer.kid);
  if (!before) return refuse('unauthorized');
  const checks = [...possession.checks, check(signer, before.key)];
  if (changes.kept.some((pair) => pair.after.id === signer.kid)) {
    return { ok: true, authority: { by: 'device', id: signer.kid }, checks };
  }
  const alone = changes.removed.length === 1 && changes.added.length === 0 && !changes.beyondDevices;
  return alone ? { ok: true, authority: { by: 'self-removal', id: signer.kid }, checks } : refuse('removal-not-alone');
}

/** A device replaces its own key: two signatures under its id, the old key's first. */
function byReplacement(next: ParsedManifest, changes: Changes): Authorized {
  const [pair] = changes.replaced;
  const own = next.signatures.filter((signature) => signature.kid === pair!.after.id);
  if (own.length < 2) return refuse('key-changed');
  const alone = changes.replaced.length === 1 && changes.added.length === 0 && changes.removed.length === 0;
  if (!alone || changes.beyondDevices) return refuse('replacement-not-alone');
  if (next.signatures.length !== 2) return refuse('signature-unexpected');
  const checks = [check(own[0]!, pair!.before.key), check(own[1]!, pair!.after.key)];
  return { ok: true, authority: { by: 'replacement', id: pair!.after.id }, checks };
}

/** The committed recovery key adds one device per week and changes nothing else. */
function byRecoveryKey(next: ParsedManifest, changes: Changes, recovery: RecoveryState): Authorized {
  const possession = possessionOf(next, changes);
  if (!possession.ok) return possession;
  const [signer, second] = possession.others;
  if (!signer?.recoveryKey || second) return refuse('signature-unexpected');
  if (base64url(sha256(signer.recoveryKey)) !== recovery.effective.keyHash) return refuse('recovery-key-unknown');
  const one = changes.added.length === 1 && changes.removed.length === 0 && changes.replaced.length === 0;
  if (!one || changes.beyondDevices) return refuse('recovery-key-limits');
  const since = recovery.keyUsedAt === null ? Infinity : next.manifest.issuedAt - recovery.keyUsedAt;
  if (since < WEEK) return refuse('recovery-key-too-soon');
  const checks = [...possession.checks, check(signer, base64url(signer.recoveryKey))];
  return { ok: true, authority: { by: 'recovery-key' }, checks };
}

type Possession =
  | { ok: true; checks: SignatureCheck[]; others: readonly ParsedSignature[] }
  | { ok: false; reason: ManifestReason };

/** Exactly one signature by each added key, and the signatures that are left. */
function possessionOf(next: ParsedManifest, changes: Changes): Possession {
  const kids = next.signatures.map((signature) => signature.kid);
  if (new Set(kids).size !== kids.length) return { ok: false, reason: 'signature-unexpected' };
  const added = new Map(changes.added.map((device) => [device.id, device.key]));
  const proofs = next.signatures.filter((signature) => added.has(signature.kid));
  if (proofs.length !== added.size) return { ok: false, reason: 'possession-missing' };
  const checks = proofs.map((signature) => check(signature, added.get(signature.kid)!));
  return { ok: true, checks, others: next.signatures.filter((signature) => !added.has(signature.kid)) };
}

export function check({ data, signature }: ParsedSignature, key: string): SignatureCheck {
  return { algorithm: 'ES256', key: fromBase64url(key)!, data, signature };
}

/** A device that joined less than a week ago may not remove an older one, nor change recovery while an older one is there. */
export function tooNew(head: Head, next: ParsedManifest, changes: Changes, authority: Authority): boolean {
  if (authority.by !== 'device') return false;
  const signer = head.manifest.devices.find((device) => device.id === authority.id)!;
  return (
    next.manifest.issuedAt - signer.addedAt < WEEK && changes.removed.some((device) => device.addedAt < signer.addedAt)
  );
}

/** The same for the end of the whole account. */
export function signerMayClose(head: Head, device: string, now: number): boolean {
  const signer = head.manifest.devices.find(({ id }) => id === device);
  if (!signer) return false;
  return now - signer.addedAt >= WEEK || !head.manifest.devices.some(({ addedAt }) => addedAt < signer.addedAt);
}

/** The same for a change of recovery; a veto by a device that was there at the proposal is always allowed. */
export function mayChangeRecovery(head: Head, at: number, authority: Authority, isVeto: boolean): boolean {
  if (authority.by !== 'device') return false;
  const signer = head.manifest.devices.find((device) => device.id === authority.id)!;
  if (isVeto && head.recovery.pending?.devices.includes(signer.id)) return true;
  const older = head.manifest.devices.some((device) => device.addedAt < signer.addedAt);
  return !older || at - signer.addedAt >= WEEK;
}
