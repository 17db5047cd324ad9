import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { base64 } from '../bytes/base64.ts';
import { utf8 } from '../bytes/utf8.ts';
import { CODE } from '../protocol/handle.ts';
import type { Warning } from '../actors/account/warnings.ts';
import type { CodeMessage, Services } from '../http/services.ts';

/** Somebody else's HTTP API that sends an e-mail or a text message. */
export interface CodeApi {
  readonly url: string;
  /** With its credentials; never logged. */
  readonly headers: Readonly<Record<string, string>>;
  /** JSON or a form, by `Content-Type`; `{{to}}`, `{{code}}`, `{{minutes}}` and `{{id}}` are filled in, escaped for it. */
  readonly body: string;
  /** The same for a warning, with `{{to}}`, `{{until}}` (UTC, RFC 3339) and `{{id}}`; null: it only sends codes. */
  readonly warning: string | null;
  /** Signs the request as Standard Webhooks do; null: it is not signed. */
  readonly secret: Uint8Array | null;
}

/** What sending stands on; tests bring their own. */
export interface CodeRoad {
  readonly fetcher: (url: string, init: RequestInit) => Promise<Response>;
  readonly wait: (ms: number) => Promise<void>;
  readonly now: () => number;
  readonly log: Services['log'];
}

/** Three tries within the time that a client waits for the answer. */
const TRY_MS = 4_000;
const PAUSES_MS = [200, 800];

const TO = /^(?:tel:|mail1:)/;

/** The body of one message. Values cannot leave their place: they are escaped for the body's own form. */
export function filled({ body, warning, headers }: CodeApi, message: CodeMessage | Warning): string {
  const form = contentType(headers) === 'application/x-www-form-urlencoded';
  const escape = (text: string) => (form ? encodeURIComponent(text) : JSON.stringify(text).slice(1, -1));
  const own =
    'code' in message
      ? { code: message.code, minutes: String(CODE.lifeMs / 60_000) }
      : { until: new Date(message.until).toISOString() };
  const values: Readonly<Record<string, string>> = { to: message.handle.replace(TO, ''), id: message.id, ...own };
  const template = 'code' in message ? body : (warning ?? '');
  return template.replaceAll(/\{\{([a-z]+)\}\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? escape(values[name] ?? '') : whole,
  );
}

export function contentType(headers: CodeApi['headers']): string {
  const [, value = 'application/json'] =
    Object.entries(headers).find(([name]) => name.toLowerCase() === 'content-type') ?? [];
  return (value.split(';')[0] ?? '').trim().toLowerCase();
}

/** Hands a message over: again after network trouble, 429 and 5xx, each time under the same `Idempotency-Key`. Logs neither code nor handle. */
export async function sendThrough(api: CodeApi, message: CodeMessage | Warning, road: CodeRoad): Promise<boolean> {
  const body = filled(api, message);
  for (let attempt = 0; ; attempt++) {
    const status = await once(api, message.id, body, road);
    if (status >= 200 && status < 300) return true;
    const pause = PAUSES_MS[attempt];
    const passing = status === 0 || status === 429 || status >= 500;
    if (!passing || pause === undefined) {
      const event = 'code' in message ? 'code.not-sent' : 'warning.not-sent';
      road.log({ event, kind: message.kind, status, attempts: attempt + 1 });
      return false;
    }
    await road.wait(pause);
  }
}

/** Its status; 0 when there was none in time. A redirection is not followed: it would carry the credentials elsewhere. */
async function once(api: CodeApi, id: string, body: string, { fetcher, now }: CodeRoad): Promise<number> {
  const headers = {
    'Content-Type': 'application/json',
    ...api.headers,
    'Idempotency-Key': id,
    ...(api.secret && signature(api.secret, id, now(), body)),
  };
  try {
    const signal = AbortSignal.timeout(TRY_MS);
    const response = await fetcher(api.url, { method: 'POST', headers, body, redirect: 'manual', signal });
    await response.body?.cancel();
    return response.status;
  } catch {
    return 0;
  }
}

/** Standard Webhooks 1.0.0: HMAC-SHA256 over `<id>.<seconds>.<body>`. */
function signature(secret: Uint8Array, id: string, now: number, body: string): Record<string, string> {
  const seconds = String(Math.floor(now / 1_000));
  const mac = hmac(sha256, secret, utf8(`${id}.${seconds}.${body}`));
  return { 'webhook-id': id, 'webhook-timestamp': seconds, 'webhook-signature': `v1,${base64(mac)}` };
}
