import { LookupReply } from '../protocol/api.ts';
import type { IdentifiedApi } from './api.ts';
import { ownHandles } from './handles.ts';

const DAY_MS = 86_400_000;
const ROW = { collection: 'pin', id: 'own-handles' } as const;

/**
 * Once a day: whether the directory sends those who look this account's handles up to this account. What the server lists is checked,
 * and what led here the last time, so that a handle cannot be moved by leaving it out of the list. Told once of each move.
 */
export async function checkOwnHandles(
  api: IdentifiedApi,
  astray: (handle: string, reason: 'another-account' | 'not-found') => void,
): Promise<void> {
  const { config, identity } = api;
  const row = (await config.store.get(ROW.collection, ROW.id)) as { at: number; here: string[] } | undefined;
  const before = row?.here ?? [];
  const at = api.serverNow();
  if (row && at < row.at + DAY_MS) return;
  const here: string[] = [];
  for (const handle of new Set([...before, ...(await ownHandles(api)).map((one) => one.handle)])) {
    const body = { handles: [handle], claim: false };
    const [result] = (await api.ask(LookupReply, { method: 'POST', path: '/v1/lookups', body })).results;
    if (result?.found && result.account === identity.account) here.push(handle);
    else if (result?.found || before.includes(handle)) astray(handle, result?.found ? 'another-account' : 'not-found');
  }
  await config.store.write([{ ...ROW, value: { at, here } }]);
}
