import { base64url } from '../../bytes/base64url.ts';
import { extend, type Judge, type Step } from '../../directory/manifest/chain.ts';
import type { Head } from '../../directory/manifest/head.ts';
import { parseManifest, type ParsedManifest } from '../../directory/manifest/parse.ts';
import { checkId, type SignatureCheck } from '../../directory/signature.ts';
import type { SignedManifest } from '../../protocol/manifest.ts';
import { record } from '../events.ts';
import type { Json, Turn } from '../port.ts';
import { refreshSet } from './callable.ts';
import type { AccountCommand } from './command.ts';
import { deviceOf, setStatus } from './devices.ts';
import { headOf } from './head.ts';
import { endLinksOf, linked } from './links.ts';
import { tellAccount } from './notice.ts';

/** What this account knows about its own signers; the judge that clients are, but with the server's clock and records. */
function judgeOf(t: Turn): Judge {
  return {
    now: t.now,
    mode: 'accept',
    revokedAt: (device) => {
      const kept = deviceOf(t, device);
      return kept?.status === 'revoked' ? kept.status_at : null;
    },
    expired: (device) => {
      const kept = deviceOf(t, device);
      return kept?.not_after !== null && kept?.not_after !== undefined && kept.not_after <= t.now;
    },
  };
}

/**
 * The next version of the chain, or the genesis that makes the account (G2). The rules are judged here, against the head
 * of this turn; signatures were verified outside, each named by what was verified, so a head that moved meanwhile finds
 * its checks missing and asks again.
 */
export function commitManifest(t: Turn, { manifest, verified, request }: AccountCommand & { do: 'manifest' }): Json {
  const parsed = parseManifest(manifest);
  if (!parsed.ok) return { ok: false, reason: parsed.reason };
  const head = headOf(t);
  if (head?.hash === parsed.parsed.hash) return committed(head);
  const plan = extend(t.self.name, head, [parsed.parsed], judgeOf(t));
  const names = new Set(verified);
  const again = !plan.ok && (plan.reason === 'fork' || plan.reason === 'version-known');
  if (again && !isKept(t, parsed.parsed)) return forked(t, parsed.parsed, manifest, names);
  if (!plan.ok) return { ok: false, reason: plan.reason };
  const missing = plan.checks.filter((check) => !names.has(nameOfCheck(check)));
  if (missing.length > 0) return { ok: false, reason: 'verify', checks: missing.map(wireCheck) };
  const concluded = plan.conclude((check) => names.has(nameOfCheck(check)));
  if (!concluded.ok) return { ok: false, reason: concluded.reason };
  const step = concluded.value[0];
  if (!step) return { ok: false, reason: 'malformed' };
  keep(t, manifest, parsed.parsed, step, request);
  return committed(step.head);
}

export function nameOfCheck(check: SignatureCheck): string {
  return base64url(checkId(check));
}

function wireCheck({ algorithm, key, data, signature }: SignatureCheck): Json {
  return { algorithm, key: base64url(key), data: base64url(data), signature: base64url(signature) };
}

function committed(head: Head): Json {
  return { ok: true, account: head.account, version: head.version, hash: head.hash };
}

function keep(
  t: Turn,
  signed: SignedManifest,
  { manifest, hash }: ParsedManifest,
  { head, authority, changes }: Step,
  request: string | null,
): void {
  t.run(
    `INSERT INTO account_head (actor, head, set_number, set_digest) VALUES (?1, ?2, 0, '') ON CONFLICT (actor) DO UPDATE SET head = excluded.head`,
    JSON.stringify(head),
  );
  t.run(
    `INSERT INTO account_manifest (actor, version, signed, hash, at) VALUES (?1, ?2, ?3, ?4, ?5)`,
    head.version,
    JSON.stringify(signed),
    hash,
    t.now,
  );
  for (const { id, key } of manifest.devices) admitDevice(t, id, key);
  for (const { id } of changes?.removed ?? []) setStatus(t, id, 'removed', 'removed from the manifest');
  record(t, { type: 'account.manifest', severity: 'info', subject: head.account, reason: authority.by, request });
  refreshSet(t, head);
  if (!changes) return;
  const [added, removed] = [changes.added, changes.removed].map((list) => list.map(({ id }) => id));
  linked(t, added ?? []);
  for (const device of removed ?? []) endLinksOf(t, device);
  const by = { by: authority.by, device: 'id' in authority ? authority.id : null };
  const told = { type: 'manifest', version: head.version, ...by, added: added ?? [], removed: removed ?? [] } as const;
  tellAccount(t, { ...told, at: t.now }, `manifest.${head.version}`);
}

/** A device enters with its key, or changes its key; a certificate of another key is none of its. */
function admitDevice(t: Turn, device: string, key: string): void {
  t.run(
    `INSERT INTO account_device (actor, device, key, status, status_at) VALUES (?1, ?2, ?3, 'active', ?4)
     ON CONFLICT (actor, device) DO UPDATE SET
       chain = CASE WHEN key = excluded.key THEN chain ELSE NULL END, not_after = CASE WHEN key = excluded.key THEN not_after ELSE NULL END, key = excluded.key`,
    device,
    key,
    t.now,
  );
}

/** An older version that is the one kept here: late, not forked. */
function isKept(t: Turn, { manifest, hash }: ParsedManifest): boolean {
  const rows = t.all(
    `SELECT 1 FROM account_manifest WHERE actor = ?1 AND version = ?2 AND hash = ?3`,
    manifest.version,
    hash,
  );
  return rows.length > 0;
}

/**
 * A second manifest of a known version is a fork only if it is as valid as the first: signed by who may sign, on the same
 * head. Then both are kept and an alarm is raised; anything less is a refusal like any other.
 */
function forked(t: Turn, parsed: ParsedManifest, manifest: SignedManifest, names: ReadonlySet<string>): Json {
  const { version } = parsed.manifest;
  const plan = extend(t.self.name, headBefore(t, version), [parsed], { ...judgeOf(t), mode: 'replay' });
  if (!plan.ok) return { ok: false, reason: plan.reason };
  const missing = plan.checks.filter((check) => !names.has(nameOfCheck(check)));
  if (missing.length > 0) return { ok: false, reason: 'verify', checks: missing.map(wireCheck) };
  const kept = t.run(
    `INSERT OR IGNORE INTO account_manifest (actor, version, signed, hash, at) VALUES (?1, ?2, ?3, ?4, ?5)`,
    -version,
    JSON.stringify(manifest),
    parsed.hash,
    t.now,
  );
  if (kept > 0)
    record(t, { type: 'account.fork', severity: 'alarm', subject: t.self.name, reason: `version ${version}` });
  return { ok: false, reason: 'fork' };
}

/** The head that version stood on, from the versions kept here, which were verified when they came. */
function headBefore(t: Turn, version: number): Head | null {
  const rows = t.all<{ signed: string }>(
    `SELECT signed FROM account_manifest WHERE actor = ?1 AND version > 0 AND version < ?2 ORDER BY version`,
    version,
  );
  const list = rows
    .map(({ signed }) => parseManifest(JSON.parse(signed)))
    .flatMap((one) => (one.ok ? [one.parsed] : []));
  const plan = extend(t.self.name, null, list, { now: t.now, mode: 'replay', revokedAt: () => null });
  const steps = plan.ok ? plan.conclude(() => true) : plan;
  return (steps.ok && steps.value.at(-1)?.head) || null;
}
