import { sha256 } from '@noble/hashes/sha2.js';
import { base64url } from '../bytes/base64url.ts';
import { utf8 } from '../bytes/utf8.ts';
import { type Issuer, issuerName } from '../ca/authority.ts';
import {
  KEEP_AFTER_END,
  MAX_LIST_LIFE,
  type RevocationReason,
  type RevokedSerial,
  signRevocationList,
} from '../ca/revocation.ts';
import type { CertificateRow, Repositories } from '../db/repositories.ts';

/** A list is replaced when less than this of its life is left, ms: nobody is handed one that is about to end. */
const RENEW_BEFORE_END = MAX_LIST_LIFE / 2;
/** How often another maker may have taken the number before this one gives up. */
const ROUNDS = 5;

/**
 * The list of this issuer in force, DER: the stored one while it names exactly what the index has revoked, else a new one under the next
 * number. A revocation that was indexed before this was asked is in it, whoever else makes lists at the same time: the
 * list is read before the index, and a number is taken by writing it. A number is never below the clock (ms), so that it
 * also grows over a database that was restored from a backup.
 */
export async function currentRevocationList(
  issuer: Issuer,
  db: Pick<Repositories, 'certificates' | 'revocationLists'>,
  now: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const name = issuerName(issuer);
  for (let round = 0; round < ROUNDS; round++) {
    const latest = await db.revocationLists.latest(name);
    const entries = (await db.certificates.revoked(now - KEEP_AFTER_END, name)).map((row) => entryOf(row, now));
    const digest = digestOf(entries);
    if (latest?.digest === digest && latest.nextUpdate - now > RENEW_BEFORE_END) return latest.body.slice();
    const number = Math.max((latest?.number ?? 0) + 1, now);
    const body = await signRevocationList(issuer, entries, number, now, MAX_LIST_LIFE);
    const nextUpdate = now + MAX_LIST_LIFE;
    if (await db.revocationLists.put({ issuer: name, number, body, digest, nextUpdate }, now)) return body;
  }
  throw new Error('other makers of the revocation list took every number');
}

function entryOf(row: CertificateRow, now: number): RevokedSerial {
  return { serial: row.serial, at: row.statusAt, reason: reasonOf(row), until: row.notAfter ?? now };
}

/** An index row's reason begins with who revoked. */
function reasonOf({ status, reason }: CertificateRow): RevocationReason {
  if (status === 'removed') return 'owner';
  const [by] = (reason ?? '').split(':');
  return by === 'owner' || by === 'condemned' || by === 'superseded' ? by : 'operator';
}

function digestOf(entries: readonly RevokedSerial[]): string {
  const lines = entries.map(({ serial, at, reason }) => `${serial} ${at} ${reason}`).toSorted();
  return base64url(sha256(utf8(lines.join('\n'))));
}
