import { eventTables } from '../events.ts';
import type { SchemaStep } from '../port.ts';

const events = eventTables('call');

/**
 *   call_state   the call as the machine keeps it, one JSON document
 *   call_ticket  single-use tickets for the call-plane socket, by hash
 *   call_relay   bytes relayed from sockets that closed, by device
 *   call_proof   the log of a group: what its members signed, in the order it came
 */
export const callTables: readonly string[] = [
  'call_state',
  'call_ticket',
  'call_relay',
  'call_proof',
  ...events.tables,
];

export const callSchema: readonly SchemaStep[] = [
  {
    minReader: 1,
    sql: [
      `CREATE TABLE call_state (actor TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID`,
      `CREATE TABLE call_ticket (actor TEXT NOT NULL, hash TEXT NOT NULL, account TEXT NOT NULL, device TEXT NOT NULL, expires INTEGER NOT NULL,
         PRIMARY KEY (actor, hash)) WITHOUT ROWID`,
      ...events.sql,
    ],
  },
  {
    minReader: 1,
    sql: [
      `CREATE TABLE call_relay (actor TEXT NOT NULL, device TEXT NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (actor, device)) WITHOUT ROWID`,
    ],
  },
  {
    minReader: 1,
    sql: [
      `CREATE TABLE call_proof (actor TEXT NOT NULL, place INTEGER NOT NULL, proof TEXT NOT NULL, PRIMARY KEY (actor, place)) WITHOUT ROWID`,
    ],
  },
];
