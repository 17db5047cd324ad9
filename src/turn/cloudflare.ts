/** Cloudflare Realtime TURN: credentials from its API (developers.cloudflare.com/realtime/turn/generate-credentials). */
import * as v from 'valibot';
import type { Fetcher, TurnProvider } from './port.ts';

export const CLOUDFLARE_TURN = 'https://rtc.live.cloudflare.com';
const LIMIT_MS = 5_000;
const ANSWER_MAX_BYTES = 16_384;

export interface CloudflareTurnConfig {
  /** Id of the TURN key. */
  readonly key: string;
  /** API token of the key. */
  readonly token: string;
  readonly origin: string;
}

const Url = v.pipe(v.string(), v.regex(/^(?:stuns?|turns?):[^\s]{1,255}$/));
const Answer = v.object({
  iceServers: v.pipe(
    v.array(
      v.object({
        urls: v.pipe(v.array(Url), v.maxLength(16)),
        username: v.exactOptional(v.pipe(v.string(), v.maxLength(512))),
        credential: v.exactOptional(v.pipe(v.string(), v.maxLength(512))),
      }),
    ),
    v.maxLength(8),
  ),
});

export function cloudflareTurn({ key, token, origin }: CloudflareTurnConfig, fetcher: Fetcher): TurnProvider {
  const url = `${origin}/v1/turn/keys/${key}/credentials/generate-ice-servers`;
  return {
    async serversFor(_, until, now) {
      const body = JSON.stringify({ ttl: Math.floor((until - now) / 1_000) });
      const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' };
      try {
        const signal = AbortSignal.timeout(LIMIT_MS);
        const response = await fetcher(url, { method: 'POST', headers, body, redirect: 'manual', signal });
        if (response.status !== 201 && response.status !== 200) {
          await response.body?.cancel();
          return { ok: false, detail: `status-${response.status}` };
        }
        const parsed = v.safeParse(Answer, JSON.parse((await response.text()).slice(0, ANSWER_MAX_BYTES)));
        if (!parsed.success) return { ok: false, detail: 'unexpected-answer' };
        return { ok: true, servers: parsed.output.iceServers.map(usable).filter(({ urls }) => urls.length > 0) };
      } catch {
        return { ok: false, detail: 'no-answer' };
      }
    },
  };
}

/** Browsers block port 53, and wait for it. */
function usable<Server extends { readonly urls: readonly string[] }>(server: Server): Server {
  return { ...server, urls: server.urls.filter((url) => !/:53(?:\?|$)/.test(url)) };
}
