import { eventTables } from '../events.ts';
import type { SchemaStep } from '../port.ts';

const events = eventTables('account');

/**
 *   account_head       the verified head of the manifest chain, and the number and epoch of the callable set
 *   account_manifest   every version as it was signed
 *   account_device     what became of each device that ever was in it: status, certificate, whether it has a bundle, who vouched for it
 *   account_serial     every certificate serial, written before it is signed; `request` makes a retry the same certificate
 *   account_fresh      when each device last showed its hardware, its credential's counter, whether its one overdue day was granted
 *   account_handle     handles this account proved, with the salt of its commitment
 *   account_policy     block list, contacts, do not disturb
 *   account_pair       pair locks this account keeps for itself and the higher account
 *   account_bucket     rate buckets
 *   account_operation  requests that carried an Idempotency-Key, and their answers
 *   account_history    one row per call, 90 days
 *   account_proof      proofs of possession already used, until they could not be replayed any more
 *   account_sought     strangers' handles (keyed hashes) that this account looked up in the last day
 *   account_seen       when one of its devices last asked for something, to the day
 *   account_key        keys of the capabilities it mints, newest last; two are current
 *   account_recovery   recoveries of its handles by another account: what waits, and for thirty days what became of it
 *   account_warning    handles that are to be warned of such a recovery, while it waits
 *   account_reset      accounts whose handles this one took over by recovery
 *   account_link       links under way and lately over, one document each
 */
export const accountTables: readonly string[] = [
  'account_head',
  'account_manifest',
  'account_device',
  'account_serial',
  'account_fresh',
  'account_handle',
  'account_policy',
  'account_pair',
  'account_bucket',
  'account_history',
  'account_key',
  'account_proof',
  'account_sought',
  'account_seen',
  'account_link',
  'account_operation',
  'account_recovery',
  'account_warning',
  'account_reset',
  ...events.tables,
];

export const accountSchema: readonly SchemaStep[] = [
  {
    minReader: 1,
    sql: [
      `CREATE TABLE account_head (actor TEXT NOT NULL PRIMARY KEY, head TEXT NOT NULL, set_number INTEGER NOT NULL, set_digest TEXT NOT NULL) WITHOUT ROWID`,
      `CREATE TABLE account_manifest (actor TEXT NOT NULL, version INTEGER NOT NULL, signed TEXT NOT NULL, hash TEXT NOT NULL, at INTEGER NOT NULL,
         PRIMARY KEY (actor, version)) WITHOUT ROWID`,
      `CREATE TABLE account_device (actor TEXT NOT NULL, device TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, chain TEXT, serial TEXT,
         not_after INTEGER, bundle INTEGER NOT NULL DEFAULT 0, status_at INTEGER NOT NULL, reason TEXT, PRIMARY KEY (actor, device)) WITHOUT ROWID`,
      `CREATE TABLE account_serial (actor TEXT NOT NULL, serial TEXT NOT NULL, device TEXT NOT NULL, request TEXT NOT NULL, state TEXT NOT NULL,
         at INTEGER NOT NULL, chain TEXT, not_after INTEGER, PRIMARY KEY (actor, serial)) WITHOUT ROWID`,
      `CREATE UNIQUE INDEX account_serial_request ON account_serial (actor, request)`,
      `CREATE TABLE account_handle (actor TEXT NOT NULL, handle TEXT NOT NULL, salt TEXT NOT NULL, commitment TEXT NOT NULL, method TEXT NOT NULL,
         verified_at INTEGER NOT NULL, PRIMARY KEY (actor, handle)) WITHOUT ROWID`,
      `CREATE TABLE account_policy (actor TEXT NOT NULL PRIMARY KEY, policy TEXT NOT NULL) WITHOUT ROWID`,
      `CREATE TABLE account_pair (actor TEXT NOT NULL, call TEXT NOT NULL, caller TEXT NOT NULL, callee TEXT NOT NULL, until INTEGER NOT NULL,
         PRIMARY KEY (actor, call)) WITHOUT ROWID`,
      `CREATE TABLE account_bucket (actor TEXT NOT NULL, name TEXT NOT NULL, tokens REAL NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (actor, name)) WITHOUT ROWID`,
      `CREATE TABLE account_history (actor TEXT NOT NULL, call TEXT NOT NULL, row TEXT NOT NULL, peer TEXT NOT NULL, direction TEXT NOT NULL,
         outcome TEXT NOT NULL, ended_at INTEGER NOT NULL, deleted INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (actor, call)) WITHOUT ROWID`,
      `CREATE INDEX account_history_ended ON account_history (actor, ended_at)`,
      `CREATE TABLE account_key (actor TEXT NOT NULL, kid INTEGER NOT NULL, secret TEXT NOT NULL, made_at INTEGER NOT NULL, PRIMARY KEY (actor, kid)) WITHOUT ROWID`,
      `CREATE TABLE account_proof (actor TEXT NOT NULL, id TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (actor, id)) WITHOUT ROWID`,
      ...events.sql,
    ],
  },
  {
    minReader: 1,
    sql: [
      `ALTER TABLE account_handle ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0`,
      `CREATE TABLE account_sought (actor TEXT NOT NULL, handle TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (actor, handle)) WITHOUT ROWID`,
      `CREATE TABLE account_seen (actor TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID`,
      `ALTER TABLE account_device ADD COLUMN bundle_until INTEGER`,
    ],
  },
  { minReader: 1, sql: [`ALTER TABLE account_device ADD COLUMN voucher TEXT`] },
  {
    minReader: 1,
    sql: [
      `CREATE TABLE account_fresh (actor TEXT NOT NULL, device TEXT NOT NULL, shown_at INTEGER NOT NULL, counter INTEGER NOT NULL, overdue_at INTEGER,
         PRIMARY KEY (actor, device)) WITHOUT ROWID`,
      `ALTER TABLE account_serial ADD COLUMN fresh_by INTEGER`,
      `ALTER TABLE account_serial ADD COLUMN overdue INTEGER NOT NULL DEFAULT 0`,
    ],
  },
  {
    minReader: 1,
    sql: [
      `CREATE TABLE account_link (actor TEXT NOT NULL, link TEXT NOT NULL, session TEXT NOT NULL, expires_at INTEGER NOT NULL,
         PRIMARY KEY (actor, link)) WITHOUT ROWID`,
    ],
  },
  {
    minReader: 1,
    sql: [
      `CREATE TABLE account_operation (actor TEXT NOT NULL, device TEXT NOT NULL, id TEXT NOT NULL, fingerprint TEXT NOT NULL,
         open_until INTEGER NOT NULL, answer TEXT, until INTEGER NOT NULL, PRIMARY KEY (actor, device, id)) WITHOUT ROWID`,
      `CREATE INDEX account_operation_until ON account_operation (actor, until)`,
    ],
  },
  {
    minReader: 1,
    sql: [
      `CREATE TABLE account_recovery (actor TEXT NOT NULL, recovery TEXT NOT NULL, state TEXT NOT NULL, by TEXT NOT NULL, started_at INTEGER NOT NULL,
         due_at INTEGER NOT NULL, handles TEXT NOT NULL, notified INTEGER NOT NULL, veto TEXT, ended_at INTEGER, PRIMARY KEY (actor, recovery)) WITHOUT ROWID`,
      `CREATE TABLE account_reset (actor TEXT NOT NULL, account TEXT NOT NULL, recovery TEXT NOT NULL, started_at INTEGER NOT NULL, at INTEGER NOT NULL,
         PRIMARY KEY (actor, account)) WITHOUT ROWID`,
    ],
  },
  {
    minReader: 1,
    sql: [
      `CREATE TABLE account_warning (actor TEXT NOT NULL, recovery TEXT NOT NULL, n INTEGER NOT NULL, handle TEXT NOT NULL, state TEXT NOT NULL,
         attempt INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (actor, recovery, n)) WITHOUT ROWID`,
    ],
  },
];
