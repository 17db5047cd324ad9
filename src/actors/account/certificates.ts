import { fromBase64url } from '../../bytes/base64url.ts';
import { thumbprint } from '../../identity/proof.ts';
import { record } from '../events.ts';
import type { Json, Turn } from '../port.ts';
import { seen } from './activity.ts';
import { draw } from './buckets.ts';
import { refreshSet } from './callable.ts';
import type { AccountCommand } from './command.ts';
import { FRESH_MS, takeFresh } from './fresh.ts';
import { accountHere, deviceOf, setStatus } from './devices.ts';
import { headOf } from './head.ts';
import { link } from './linked.ts';
import { endLinksOf } from './links.ts';
import { begin } from './operation.ts';

/** Asked of every request, token and hello: is this device in the manifest, with this key, and in force? */
export function authorize(
  t: Turn,
  { device, key, thumbprint: shown, proof, draws = [], operation }: AccountCommand & { do: 'authorize' },
): Json {
  const head = headOf(t);
  const kept = deviceOf(t, device);
  // A device without account stands for itself.
  const listed = head ? head.manifest.devices.find((entry) => entry.id === device) : kept;
  if (kept?.status === 'revoked') return { ok: false, reason: 'device-revoked' };
  if (!listed || kept?.status !== 'active') return { ok: false, reason: 'device-not-in-manifest' };
  const same =
    shown === undefined ? listed.key === key : thumbprint(fromBase64url(listed.key) ?? new Uint8Array()) === shown;
  if (!same) return { ok: false, reason: 'another-key' };
  if (proof && !useProof(t, `${device} ${proof.id}`, proof.until)) return { ok: false, reason: 'proof-replayed' };
  if (head) seen(t);
  const drawing = draw(t, draws);
  if (!drawing.ok) return { ...drawing, reason: 'too-many-requests' };
  const begun = operation ? begin(t, device, operation) : null;
  return {
    ok: true,
    key: listed.key,
    notAfter: kept.not_after,
    serial: kept.serial,
    version: head?.version ?? 0,
    drawn: drawing.drawn as unknown as Json,
    operation: begun as unknown as Json,
  };
}

/** False for a proof that was used before. */
function useProof(t: Turn, id: string, until: number): boolean {
  t.run(`DELETE FROM account_proof WHERE actor = ?1 AND until <= ?2`, t.now);
  return t.run(`INSERT OR IGNORE INTO account_proof (actor, id, until) VALUES (?1, ?2, ?3)`, id, until) > 0;
}

/**
 * The record of the intent, durable before anything is signed (G1). One request, one serial: a retry gets the same one,
 * and what was signed for it when that was recorded too.
 */
export function intend(t: Turn, command: AccountCommand & { do: 'intend' }): Json {
  const before = t.all<{
    serial: string;
    state: string;
    device: string;
    chain: string | null;
    not_after: number | null;
    fresh_by: number | null;
    overdue: number;
  }>(
    `SELECT serial, state, device, chain, not_after, fresh_by, overdue FROM account_serial WHERE actor = ?1 AND request = ?2`,
    command.request,
  )[0];
  if (before && before.device !== command.device) return { ok: false, reason: 'request-of-another-device' };
  if (before)
    return {
      ok: true,
      serial: before.serial,
      chain: before.chain === null ? null : (JSON.parse(before.chain) as Json),
      notAfter: before.not_after,
      freshBy: before.fresh_by,
      overdue: before.overdue === 1,
    };
  const standing = authorize(t, { do: 'authorize', device: command.device, key: command.key }) as { ok: boolean };
  if (!standing.ok) return standing;
  const refusal = link(t, command.device, command.voucher ?? null);
  if (refusal !== null) return { ok: false, reason: refusal };
  const fresh = command.fresh ? takeFresh(t, command.device, command.fresh) : null;
  if (fresh?.ok === false) return fresh;
  const { freshBy, overdue } = fresh ?? { freshBy: t.now + FRESH_MS, overdue: false };
  t.run(
    `INSERT INTO account_serial (actor, serial, device, request, state, at, fresh_by, overdue) VALUES (?1, ?2, ?3, ?4, 'intended', ?5, ?6, ?7)`,
    command.serial,
    command.device,
    command.request,
    t.now,
    freshBy,
    overdue ? 1 : 0,
  );
  record(t, {
    type: 'certificate.intended',
    severity: overdue ? 'notice' : 'info',
    subject: command.serial,
    reason: overdue ? 'overdue' : (command.fresh?.shown ?? null),
    request: command.request,
  });
  return { ok: true, serial: command.serial, chain: null, notAfter: null, freshBy, overdue };
}

/** What was signed becomes the device's certificate; a device that was revoked meanwhile gets none. */
export function issued(
  t: Turn,
  { serial, chain, notAfter, evidence, issuer }: AccountCommand & { do: 'issued' },
): Json {
  const intent = t.all<{ device: string; state: string }>(
    `SELECT device, state FROM account_serial WHERE actor = ?1 AND serial = ?2`,
    serial,
  )[0];
  if (!intent) return { ok: false, reason: 'unknown-serial' };
  const kept = deviceOf(t, intent.device);
  if (kept?.status !== 'active') return { ok: false, reason: 'device-revoked' };
  if (intent.state === 'issued') return { ok: true };
  t.run(
    `UPDATE account_serial SET state = 'issued', chain = ?3, not_after = ?4 WHERE actor = ?1 AND serial = ?2`,
    serial,
    JSON.stringify(chain),
    notAfter,
  );
  t.run(
    `UPDATE account_device SET chain = ?3, serial = ?4, not_after = ?5 WHERE actor = ?1 AND device = ?2`,
    intent.device,
    JSON.stringify(chain),
    serial,
    notAfter,
  );
  record(t, {
    type: 'certificate.issued',
    severity: 'info',
    subject: serial,
    index: {
      table: 'certificate',
      serial,
      account: accountHere(t),
      device: intent.device,
      status: 'active',
      statusAt: t.now,
      notAfter,
      evidence,
      issuer: issuer ?? null,
    },
  });
  const head = headOf(t);
  if (head) refreshSet(t, head);
  return { ok: true };
}

/** The device has a bundle up: from now on it can be rung. */
export function published(t: Turn, { device, until }: AccountCommand & { do: 'published' }): Json {
  t.run(`UPDATE account_device SET bundle = 1, bundle_until = ?3 WHERE actor = ?1 AND device = ?2`, device, until);
  const head = headOf(t);
  if (head) refreshSet(t, head);
  return { ok: true };
}

/** Owner, operator and re-judging all come here. Revoking again changes nothing: the first reason stands. */
export function revoke(t: Turn, { device, reason, by, request }: AccountCommand & { do: 'revoke' }): Json {
  if (!deviceOf(t, device)) return { ok: false, reason: 'unknown-device' };
  setStatus(t, device, 'revoked', `${by}: ${reason}`, request ?? null);
  endLinksOf(t, device);
  const head = headOf(t);
  if (head) refreshSet(t, head);
  const kept = deviceOf(t, device);
  return { ok: true, status: kept?.status, statusAt: kept?.status_at };
}
