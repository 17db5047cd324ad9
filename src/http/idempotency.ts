import type { Begun, KeptAnswer, Operation } from '../actors/account/operation.ts';
import { base64url } from '../bytes/base64url.ts';
import { concat, lp } from '../bytes/join.ts';
import { fromUtf8, utf8 } from '../bytes/utf8.ts';
import { accountOf, ask } from './ask.ts';
import type { AppContext } from './context.ts';
import { digest } from './digest.ts';
import { problem } from './problem.ts';

const KEY = /^[\x21-\x7e]{8,128}$/;
/** Longer answers are not kept: the repeat does the request again, which its store recognizes. */
const KEPT_MOST_CHARACTERS = 8_192;
const TOO_MANY = 429;
const LOOKUP = 'POST /v1/lookups';

/**
 * The header's value (draft-ietf-httpapi-idempotency-key-header §2.1: a String; without its quotes it is taken too): undefined
 * without one, null when it is none.
 */
export function idempotencyKey(c: AppContext): string | null | undefined {
  const given = c.req.header('Idempotency-Key');
  if (given === undefined) return undefined;
  const key = /^"(.*)"$/.exec(given)?.[1] ?? given;
  return KEY.test(key) && !/["\\]/.test(key) ? key : null;
}

/**
 * What this key and this request are to the account. A lookup is answered anew each time: what it takes is remembered by the device
 * that gives it, and its answer is long, and shorter for who meanwhile knows more.
 */
export function operationOf(c: AppContext, key: string, body: Uint8Array): Operation {
  const { method, path } = c.req;
  const lookup = `${method} ${path}` === LOOKUP;
  const id = digest(concat(lp(utf8(method)), lp(utf8(path)), lp(utf8(key))));
  const asked = lookup ? utf8(JSON.stringify(withoutKnown(body))) : body;
  return { id: base64url(id.subarray(0, 16)), fingerprint: base64url(digest(asked)), kept: !lookup };
}

/** What the asker knows already is not what he asks for. Null for what is no JSON: then the route refuses it. */
function withoutKnown(body: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(body) ?? '', (name, value: unknown) => (name === 'known' ? undefined : value));
  } catch {
    return null;
  }
}

/** The answer to a request that need not, or must not, be done; null when it is to be done. */
export function settled(c: AppContext, begun: Begun | null): Response | null {
  switch (begun?.begun) {
    case 'answered':
      return replayed(c, begun.answer);
    case 'in-progress':
      c.header('Retry-After', '1');
      return problem(c, 'in-progress', 'in-progress');
    case 'another-request':
      return problem(c, 'idempotency-mismatch', 'idempotency-key-reused');
    default:
      return null;
  }
}

function replayed(c: AppContext, { status, type, body }: KeptAnswer): Response {
  return c.body(body, status as 200, { 'Content-Type': type, 'Cache-Control': 'no-store' });
}

export interface Kept {
  /** The one that stands: another request with the same key may have been first. */
  readonly answer: Response;
  /** False: a repeat would do the request again. */
  readonly kept: boolean;
}

/**
 * Keeps the answer for repeats of this request; what is not known to have happened is not kept. A route calls it itself only where
 * it has something to forget once repeats are answered without it.
 */
export async function keepAnswer(c: AppContext, answer: Response): Promise<Kept> {
  const { operation } = c.var;
  if (!operation) return { answer, kept: true };
  c.set('operation', null);
  if (!operation.kept) return { answer, kept: false };
  const final = answer.status < 500 && answer.status !== TOO_MANY;
  const body = final ? await answer.clone().text() : null;
  const type = answer.headers.get('Content-Type') ?? '';
  const short = body !== null && body.length <= KEPT_MOST_CHARACTERS ? { status: answer.status, type, body } : null;
  const { account, device } = c.var.caller;
  const told = await ask<{ answer: KeptAnswer | null }>(c, accountOf(account), {
    do: 'answered',
    device,
    operation: operation.id,
    answer: short,
  });
  const stands = told.ok && told.value.ok ? told.value.answer : null;
  return { answer: stands && stands.body !== body ? replayed(c, stands) : answer, kept: stands !== null };
}
