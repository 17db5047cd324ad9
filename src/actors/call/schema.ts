import { eventTables } from '../events.ts';
import type { SchemaStep } from '../port.ts';

const events = eventTables('call');

/**
 *   call_state   the call as the machine keeps it, one JSON document
 *   call_ticket  single-use tickets for the call-plane socket, by hash
 *   call_relay   bytes relayed from sockets that closed, by device
 */
export const callTables: readonly string[] = ['call_state', 'call_ticket', 'call_relay', ...events.tables];

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
];
