import { MAX_LIST } from './accept.ts';

/** Where a list is fetched from; the operator's own setting, checked by `listUrlProblem`. */
export interface Source {
  readonly url: string;
  readonly hosts: readonly string[];
}

/** Whose lists these are. An operator names mirrors in LIST_HOSTS. */
export const LIST_HOSTS: readonly string[] = ['mds3.fidoalliance.org', 'android.googleapis.com'];

export const FETCH_MS = 20_000;

export type Fetched =
  | { readonly ok: true; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly ok: false; readonly reason: 'url' | 'unreachable' | 'status' | 'too-large' | 'timeout' };

export type Fetcher = (url: string, init: RequestInit) => Promise<Response>;

/** Why a list is not fetched from there; null when it may be. */
export function listUrlProblem({ url, hosts }: Source): string | null {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed === null || parsed.protocol !== 'https:') return 'must be an https URL';
  if (parsed.username !== '' || parsed.password !== '' || parsed.port !== '')
    return 'must name a host and nothing beside';
  return hosts.includes(parsed.hostname) ? null : `names ${parsed.hostname}, which is not among LIST_HOSTS`;
}

/** One request, within a time and a size; redirects are not followed, and nothing but 200 is a list. */
export async function fetchList(source: Source, fetcher: Fetcher, withinMs = FETCH_MS): Promise<Fetched> {
  if (listUrlProblem(source) !== null) return { ok: false, reason: 'url' };
  const signal = AbortSignal.timeout(withinMs);
  try {
    const response = await fetcher(source.url, { redirect: 'manual', signal });
    if (response.status !== 200) {
      await response.body?.cancel();
      return { ok: false, reason: 'status' };
    }
    const bytes = await bounded(response.body, MAX_LIST);
    return bytes === null ? { ok: false, reason: 'too-large' } : { ok: true, bytes };
  } catch {
    return { ok: false, reason: signal.aborted ? 'timeout' : 'unreachable' };
  }
}

async function bounded(body: ReadableStream<Uint8Array> | null, most: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const reader = body?.getReader();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done || value === undefined) break;
    size += value.length;
    if (size > most) {
      await reader?.cancel();
      return null;
    }
    parts.push(value);
  }
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
