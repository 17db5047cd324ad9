import type { Fetcher, PushOutcome } from './port.ts';

/** A push service that takes longer is asked again later. */
export const PUSH_LIMIT_MS = 5_000;
/** What is read of an answer; an error of APNs or FCM is shorter. */
const ANSWER_MAX_BYTES = 8_192;
const LONGEST_RETRY_AFTER_MS = 300_000;

export interface Answered {
  readonly status: number;
  /** Of the body, at most 8 KiB. */
  readonly text: string;
  readonly retryAfterMs: number | null;
}

/** One request within its time; redirects are answers like any other, and no service here sends any. Null: none came. */
export async function exchange(fetcher: Fetcher, url: string, init: RequestInit): Promise<Answered | null> {
  try {
    const signal = AbortSignal.timeout(PUSH_LIMIT_MS);
    const response = await fetcher(url, { ...init, method: 'POST', redirect: 'manual', signal });
    const text = await bounded(response);
    return { status: response.status, text, retryAfterMs: retryAfter(response.headers.get('Retry-After')) };
  } catch {
    return null;
  }
}

/** What every service means by a status that is nothing of its own. */
export function outcomeOf(answer: Answered | null): PushOutcome {
  if (answer === null) return { outcome: 'retry', retryAfterMs: null, detail: 'no-answer' };
  const { status, retryAfterMs } = answer;
  if (status >= 200 && status < 300) return { outcome: 'accepted' };
  if (status === 404 || status === 410) return { outcome: 'gone' };
  const detail = `status-${status}`;
  if (status === 408 || status === 425 || status === 429 || status >= 500)
    return { outcome: 'retry', retryAfterMs, detail };
  return { outcome: 'misconfigured', detail };
}

async function bounded(response: Response): Promise<string> {
  const reader = (response.body as ReadableStream<Uint8Array> | null)?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (let left = ANSWER_MAX_BYTES; reader && left > 0;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value.subarray(0, left), { stream: true });
    left -= value.length;
  }
  await reader?.cancel();
  return text;
}

/** RFC 9110 §10.2.3, the form in seconds; a date is as good as nothing said. */
function retryAfter(text: string | null): number | null {
  if (text === null || !/^\d{1,9}$/.test(text)) return null;
  return Math.min(Number(text) * 1_000, LONGEST_RETRY_AFTER_MS);
}

/** A member of a JSON answer that is not to be trusted with its form. */
export function memberOf(text: string, ...path: readonly (string | number)[]): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  for (const name of path) value = (value as Record<string | number, unknown> | null | undefined)?.[name];
  return value;
}
