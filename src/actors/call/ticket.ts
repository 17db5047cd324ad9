import { sha256 } from '@noble/hashes/sha2.js';
import { base64url } from '../../bytes/base64url.ts';
import { utf8 } from '../../bytes/utf8.ts';
import { TICKET_MS } from '../../protocol/api.ts';
import type { Party } from '../../protocol/call.ts';
import type { Turn } from '../port.ts';

/** A ticket opens the call-plane socket once, within 30 s; only its hash is kept. */
export function makeTicket(t: Turn, party: Party): { ticket: string; expiresAt: number } {
  const ticket = base64url(t.random(32));
  const expiresAt = t.now + TICKET_MS;
  t.run(`DELETE FROM call_ticket WHERE actor = ?1 AND expires <= ?2`, t.now);
  t.run(
    `INSERT INTO call_ticket (actor, hash, account, device, expires) VALUES (?1, ?2, ?3, ?4, ?5)`,
    hashOf(ticket),
    party.account,
    party.device,
    expiresAt,
  );
  return { ticket, expiresAt };
}

/** Whose ticket it was; it is spent by this. */
export function spendTicket(t: Turn, ticket: string): Party | null {
  const hash = hashOf(ticket);
  const kept = t.all<Party & { expires: number }>(
    `SELECT account, device, expires FROM call_ticket WHERE actor = ?1 AND hash = ?2`,
    hash,
  )[0];
  if (!kept) return null;
  t.run(`DELETE FROM call_ticket WHERE actor = ?1 AND hash = ?2`, hash);
  return kept.expires > t.now ? { account: kept.account, device: kept.device } : null;
}

function hashOf(ticket: string): string {
  return base64url(sha256(utf8(ticket)));
}
