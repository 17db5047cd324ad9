import * as v from 'valibot';
import { UsageError } from '../command.ts';

/** Where the operator's API is and what opens it: CALLSIGN_URL and CALLSIGN_OPERATOR_KEY, never an argument. */
export interface Operator {
  get(path: string): Promise<Response>;
  post(path: string, body: object): Promise<Response>;
}

/** The server said no, or nothing. */
export class ServerRefusal extends Error {
  override readonly name = 'ServerRefusal';
}

const LIMIT_MS = 15_000;

export function operator(env: Readonly<Record<string, string | undefined>> = process.env): Operator {
  const url = env['CALLSIGN_URL'] ?? 'http://127.0.0.1:8787';
  const key = env['CALLSIGN_OPERATOR_KEY'];
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new UsageError('CALLSIGN_URL is no URL like https://calls.example');
  if (key === undefined || key === '')
    throw new UsageError('CALLSIGN_OPERATOR_KEY is not set: it is `operator` in the secret CALLSIGN_KEYS');
  const send = async (path: string, init: RequestInit) => {
    const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' };
    const response = await fetch(new URL(path, url), { ...init, headers, signal: AbortSignal.timeout(LIMIT_MS) }).catch(
      (error: unknown) => {
        throw new ServerRefusal(`${url} does not answer: ${error instanceof Error ? error.message : 'unknown'}`);
      },
    );
    if (response.ok) return response;
    const body = (await response.json().catch(() => ({}))) as { title?: string; reason?: string; instance?: string };
    throw new ServerRefusal(
      `${response.status} ${body.title ?? ''}: ${body.reason ?? 'no reason'} (request ${body.instance ?? 'unknown'})`,
    );
  };
  return {
    get: (path) => send(path, { method: 'GET' }),
    post: (path, body) => send(path, { method: 'POST', body: JSON.stringify(body) }),
  };
}

/** A line of the feed, as the server gives it. */
const Line = v.object({
  cursor: v.number(),
  id: v.string(),
  at: v.number(),
  type: v.string(),
  severity: v.picklist(['info', 'notice', 'warning', 'alarm']),
  actor: v.string(),
  subject: v.string(),
  reason: v.nullable(v.string()),
  reference: v.nullable(v.string()),
  request: v.nullable(v.string()),
  index: v.nullable(v.record(v.string(), v.nullable(v.union([v.string(), v.number()])))),
  previous: v.string(),
  hash: v.string(),
});
export type Line = v.InferOutput<typeof Line>;

/** One page of the feed after `cursor`, oldest first. */
export async function eventsAfter(server: Operator, cursor: number, types: string | undefined): Promise<Line[]> {
  const query = types === undefined ? '' : `&types=${encodeURIComponent(types)}`;
  const text = await (await server.get(`/v1/admin/events?after=${cursor}${query}`)).text();
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => v.parse(Line, JSON.parse(line)));
}
