import type { Turn } from '../port.ts';

/** Who a device actor is; absent until its enrollment registered it. */
export interface Self {
  readonly account: string;
  readonly device: string;
  /** SubjectPublicKeyInfo, base64url. */
  readonly key: string;
  readonly pushTokenHash: string;
  readonly revokedAt: number | null;
  /** The latest end of a certificate of this device that was shown or told, ms; null before any was. */
  readonly notAfter: number | null;
}

interface SelfRow {
  readonly account: string;
  readonly key: string;
  readonly push_token_hash: string;
  readonly revoked_at: number | null;
  readonly not_after: number | null;
}

export function selfOf(t: Turn): Self | null {
  return t.recall('device_self', 'self', () => read(t));
}

function read(t: Turn): Self | null {
  const row = t.all<SelfRow>(
    `SELECT account, key, push_token_hash, revoked_at, not_after FROM device_self WHERE actor = ?1`,
  )[0];
  if (!row) return null;
  return {
    account: row.account,
    device: t.self.name,
    key: row.key,
    pushTokenHash: row.push_token_hash,
    revokedAt: row.revoked_at,
    notAfter: row.not_after,
  };
}
