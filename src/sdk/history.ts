import { HistoryDeleted, HistoryReply } from '../protocol/api.ts';
import type { HistoryRow } from '../protocol/history.ts';
import type { IdentifiedApi } from './api.ts';

/** Most rows that one deletion names. */
const DELETE_MAX = 100;

export interface HistoryPage {
  /** Rows that started before this, ms; without it the newest. */
  readonly before?: number;
  /** Up to 100. */
  readonly limit?: number;
  readonly signal?: AbortSignal;
}

/** One page of the account's calls, newest first. */
export async function listHistory(api: IdentifiedApi, page: HistoryPage = {}): Promise<HistoryRow[]> {
  const { before, limit, signal } = page;
  const query = new URLSearchParams({
    ...(before !== undefined && { before: String(before) }),
    ...(limit !== undefined && { limit: String(limit) }),
  });
  const path = query.size > 0 ? `/v1/history?${query}` : '/v1/history';
  const { rows } = await api.ask(HistoryReply, { method: 'GET', path, signal });
  return rows as unknown as HistoryRow[];
}

/** Deletes rows on every device of the account; resolves with the calls whose rows were there. */
export async function deleteHistory(
  api: IdentifiedApi,
  calls: readonly string[],
  signal?: AbortSignal,
): Promise<string[]> {
  const deleted: string[] = [];
  for (let at = 0; at < calls.length; at += DELETE_MAX) {
    const body = { calls: calls.slice(at, at + DELETE_MAX) };
    const reply = await api.ask(HistoryDeleted, {
      method: 'DELETE',
      path: '/v1/history',
      body,
      repeatable: true,
      signal,
    });
    deleted.push(...reply.deleted);
  }
  return deleted;
}
