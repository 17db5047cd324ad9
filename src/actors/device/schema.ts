import { eventTables } from '../events.ts';
import type { SchemaStep } from '../port.ts';

const events = eventTables('device');

/**
 *   device_self      who this is; written by its account's first authenticated request and by nobody else
 *   device_box       the mailbox without its rows, and how much waits in it
 *   device_row       the mailbox's rows; `body` goes when the row is acknowledged
 *   device_stream    the highest revision of each call that was stored here
 *   device_bundle    the signed bundle as published
 *   device_batch     batches of one-time keys; `next` is the first key not given out
 *   device_claim     what a claim was answered, for as long as its batch lives
 *   device_bucket    claims per caller device
 *   device_key_id    the lowest id that a one-time key may still have
 *   device_nonce     hello nonces already used, until they expire
 *   device_push      where the device is pushed to, and the key of its tags
 *   device_wakeup    one push per ring: see wakeup.ts
 */
export const deviceTables: readonly string[] = [
  'device_self',
  'device_box',
  'device_row',
  'device_stream',
  'device_bundle',
  'device_batch',
  'device_claim',
  'device_bucket',
  'device_key_id',
  'device_nonce',
  'device_push',
  'device_wakeup',
  ...events.tables,
];

export const deviceSchema: readonly SchemaStep[] = [
  {
    minReader: 1,
    sql: [
      `CREATE TABLE device_self (actor TEXT NOT NULL PRIMARY KEY, account TEXT NOT NULL, key TEXT NOT NULL, push_token_hash TEXT NOT NULL,
         revoked_at INTEGER, registered_at INTEGER NOT NULL) WITHOUT ROWID`,
      `CREATE TABLE device_box (actor TEXT NOT NULL PRIMARY KEY, box TEXT NOT NULL, next_seq INTEGER NOT NULL, acked INTEGER NOT NULL,
         connection TEXT) WITHOUT ROWID`,
      `CREATE TABLE device_row (actor TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, expires INTEGER NOT NULL,
         row TEXT NOT NULL, body TEXT, PRIMARY KEY (actor, seq)) WITHOUT ROWID`,
      `CREATE UNIQUE INDEX device_row_id ON device_row (actor, id)`,
      `CREATE TABLE device_stream (actor TEXT NOT NULL, stream TEXT NOT NULL, revision TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (actor, stream)) WITHOUT ROWID`,
      `CREATE TABLE device_bundle (actor TEXT NOT NULL PRIMARY KEY, bundle TEXT NOT NULL, hash TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID`,
      `CREATE TABLE device_batch (actor TEXT NOT NULL, batch TEXT NOT NULL, signed TEXT NOT NULL, keys TEXT NOT NULL, next INTEGER NOT NULL,
         count INTEGER NOT NULL, expires INTEGER NOT NULL, first INTEGER NOT NULL, PRIMARY KEY (actor, batch)) WITHOUT ROWID`,
      `CREATE TABLE device_claim (actor TEXT NOT NULL, caller TEXT NOT NULL, request TEXT NOT NULL, answer TEXT NOT NULL, batch TEXT,
         at INTEGER NOT NULL, PRIMARY KEY (actor, caller, request)) WITHOUT ROWID`,
      `CREATE TABLE device_bucket (actor TEXT NOT NULL, name TEXT NOT NULL, tokens REAL NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (actor, name)) WITHOUT ROWID`,
      `CREATE TABLE device_nonce (actor TEXT NOT NULL, id TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY (actor, id)) WITHOUT ROWID`,
      ...events.sql,
    ],
  },
  { minReader: 1, sql: [`ALTER TABLE device_self ADD COLUMN not_after INTEGER`] },
  {
    minReader: 1,
    sql: [
      `ALTER TABLE device_claim ADD COLUMN account TEXT`,
      `ALTER TABLE device_claim ADD COLUMN used INTEGER NOT NULL DEFAULT 1`,
      `CREATE INDEX device_claim_unused ON device_claim (actor, account, used)`,
      `CREATE TABLE device_key_id (actor TEXT NOT NULL PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID`,
    ],
  },
  {
    minReader: 1,
    sql: [
      `CREATE TABLE device_push (actor TEXT NOT NULL PRIMARY KEY, subscription TEXT NOT NULL, secret TEXT NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID`,
      `CREATE TABLE device_wakeup (actor TEXT NOT NULL, seq INTEGER NOT NULL, call TEXT NOT NULL, tag TEXT NOT NULL, until INTEGER NOT NULL,
         state TEXT NOT NULL, attempt INTEGER NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (actor, seq)) WITHOUT ROWID`,
    ],
  },
  {
    minReader: 1,
    sql: [
      `ALTER TABLE device_box ADD COLUMN waiting_rows INTEGER NOT NULL DEFAULT 0`,
      `ALTER TABLE device_box ADD COLUMN waiting_bytes INTEGER NOT NULL DEFAULT 0`,
      `UPDATE device_box SET (waiting_rows, waiting_bytes) = (SELECT COUNT(*), IFNULL(SUM(json_extract(row, '$.size')), 0)
         FROM device_row WHERE device_row.actor = device_box.actor AND state = 'waiting')`,
      `CREATE INDEX device_row_due ON device_row (actor, MIN(expires, IFNULL(json_extract(row, '$.pushAt'), expires))) WHERE state = 'waiting'`,
      `CREATE INDEX device_row_collapse ON device_row (actor, json_extract(row, '$.collapse')) WHERE state = 'waiting'`,
      `CREATE INDEX device_row_from ON device_row (actor, json_extract(row, '$.from')) WHERE state = 'waiting'`,
    ],
  },
];
