import { getTableName, isTable } from 'drizzle-orm';
import { expect, test } from 'vitest';
import { accountTables } from '../../src/actors/account/schema.ts';
import { callTables } from '../../src/actors/call/schema.ts';
import { deviceTables } from '../../src/actors/device/schema.ts';
import { PORT_TABLES } from '../../src/actors/kernel/schema.ts';
import * as d1 from '../../src/db/schema.ts';
import { Page } from './page.ts';

const page = new Page('docs/storage.md');

test.each([
  ['D1', Object.values(d1).filter(isTable).map(getTableName)],
  ['the port', PORT_TABLES],
  ['an account', accountTables],
  ['a device', deviceTables],
  ['a call', callTables],
])('every table of %s is on the page', (_, tables) => {
  expect(tables.length).toBeGreaterThan(0);
  expect(tables.filter((table) => !page.names(table))).toEqual([]);
});
