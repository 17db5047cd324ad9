import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import type { Party } from '../../protocol/call.ts';
import type { Turn } from '../port.ts';
import { checkCapability, type CapabilityKey, mintCapability } from '../../directory/capability.ts';

/** Capabilities live this long; a client looks up again after half of it, ms. */
export const CAPABILITY_MS = 24 * 3_600_000;
const ROTATE_MS = 7 * 86_400_000;

interface KeyRow {
  readonly kid: number;
  readonly secret: string;
  readonly made_at: number;
}

function newestTwo(t: Turn): KeyRow[] {
  return t.all(`SELECT kid, secret, made_at FROM account_key WHERE actor = ?1 ORDER BY kid DESC LIMIT 2`);
}

/** The account's own MAC keys, newest first; two are current, so that a rotation breaks no capability in flight. */
function keysOf(t: Turn): CapabilityKey[] {
  const rows = [...t.recall('account_key', 'newest', () => newestTwo(t))];
  const newest = rows[0];
  if (!newest || newest.made_at + ROTATE_MS <= t.now) {
    const made = { kid: (newest?.kid ?? 0) + 1, secret: base64url(t.random(32)), made_at: t.now };
    t.run(
      `INSERT INTO account_key (actor, kid, secret, made_at) VALUES (?1, ?2, ?3, ?4)`,
      made.kid,
      made.secret,
      made.made_at,
    );
    t.run(`DELETE FROM account_key WHERE actor = ?1 AND kid < ?2`, made.kid - 1);
    rows.unshift(made);
  }
  return rows.slice(0, 2).map(({ kid, secret }) => ({ kid, secret: fromBase64url(secret) ?? new Uint8Array() }));
}

/** One capability per callee device for this caller device, of this callable set. */
export function mintFor(
  t: Turn,
  caller: Party,
  devices: readonly string[],
  epoch: number,
): { capabilities: Map<string, string>; expiresAt: number } {
  const expiresAt = t.now + CAPABILITY_MS;
  const [key] = keysOf(t);
  const capabilities = new Map<string, string>();
  if (key)
    for (const device of devices)
      capabilities.set(
        device,
        mintCapability(key, { caller, callee: { account: t.self.name, device }, purpose: 'call', expiresAt, epoch }),
      );
  return { capabilities, expiresAt };
}

/** Whether this account gave the caller that capability and it has not expired; of whichever callable set. */
export function isGenuine(t: Turn, caller: Party, { device, token }: { device: string; token: string }): boolean {
  const callee = { account: t.self.name, device };
  const checked = checkCapability(keysOf(t), token, { caller, callee, purpose: 'call', epoch: 0 }, t.now);
  return checked.ok || checked.reason === 'stale';
}

/** Legs whose capability does not hold for this caller now. */
export function staleLegs(
  t: Turn,
  caller: Party,
  legs: readonly { device: string; capability: string }[],
  epoch: number,
): string[] {
  const keys = keysOf(t);
  return legs
    .filter(({ device, capability }) => {
      const callee = { account: t.self.name, device };
      return !checkCapability(keys, capability, { caller, callee, purpose: 'call', epoch }, t.now).ok;
    })
    .map(({ device }) => device);
}
