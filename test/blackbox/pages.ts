import { describe, expect, it } from 'vitest';
import { askUpgrade } from './upgrade.ts';
import { APP_ORIGIN, expectProblem, type World } from './world.ts';

const FOREIGN = 'https://evil.example';

/** What a page of another origin may do (Fetch §3.3). */
export function pages(world: () => World): void {
  const preflight = (path: string, origin: string) =>
    fetch(`${world().server.url}${path}`, {
      method: 'OPTIONS',
      headers: { Origin: origin, 'Access-Control-Request-Method': 'PUT', 'Access-Control-Request-Headers': 'dpop' },
    });

  describe('a page', () => {
    it('of an allowed origin may ask with token and proof, and reads the nonce of a refusal', async () => {
      const { headers, status } = await preflight('/v1/policy', APP_ORIGIN);
      expect(status).toBe(204);
      expect(headers.get('Access-Control-Allow-Origin')).toBe(APP_ORIGIN);
      expect(headers.get('Access-Control-Allow-Headers')?.split(',')).toContain('DPoP');
      expect(headers.get('Access-Control-Allow-Credentials')).toBeNull();
      const answer = await fetch(`${world().server.url}/v1/policy`, { headers: { Origin: APP_ORIGIN } });
      expect(answer.headers.get('Access-Control-Allow-Origin')).toBe(APP_ORIGIN);
      expect(answer.headers.get('Access-Control-Expose-Headers')?.split(',')).toContain('DPoP-Nonce');
      expect(answer.headers.get('Vary')).toContain('Origin');
      await expectProblem(answer, 'unauthenticated', 'credentials-missing');
    });

    it('of a foreign origin may read nothing', async () => {
      for (const origin of [FOREIGN, 'null', `${APP_ORIGIN}.evil.example`]) {
        expect((await preflight('/v1/policy', origin)).headers.get('Access-Control-Allow-Origin')).toBeNull();
        const answer = await fetch(`${world().server.url}/v1/deployment`, { headers: { Origin: origin } });
        expect(answer.headers.get('Access-Control-Allow-Origin')).toBeNull();
      }
    });

    it('of no other origin reaches the operator’s resources', async () => {
      const answer = await preflight('/v1/admin/counters', APP_ORIGIN);
      expect(answer.headers.get('Access-Control-Allow-Origin')).toBeNull();
      await expectProblem(answer, 'forbidden', 'origin');
      const { server, opened } = world();
      const ask = (origin: string) =>
        fetch(`${server.url}/v1/admin/counters`, {
          headers: { Origin: origin, Authorization: `Bearer ${opened.operator}` },
        });
      await expectProblem(await ask(FOREIGN), 'forbidden', 'origin');
      expect((await ask(server.url)).status).toBe(200);
    });

    it('of a foreign origin may change nothing, whatever it shows', async () => {
      const body = JSON.stringify({ blocked: [], quietUntil: null, contactsOnly: false, contacts: [] });
      const put = (origin: string) => world().alice.ask('PUT', '/v1/policy', { body, headers: { Origin: origin } });
      for (const origin of [FOREIGN, 'null', `${APP_ORIGIN}.evil.example`])
        await expectProblem(await put(origin), 'forbidden', 'origin');
      expect((await put(APP_ORIGIN)).status).toBe(200);
      const token = await fetch(`${world().server.url}/v1/token`, {
        method: 'POST',
        headers: { Origin: FOREIGN },
        body: new URLSearchParams({ grant_type: 'client_credentials' }),
      });
      await expectProblem(token, 'forbidden', 'origin');
    });

    it('that asks for an upgrade where there is no socket gets an answer', async () => {
      const { status } = await askUpgrade(`${world().server.url}/v1/deployment`, { Origin: FOREIGN });
      expect(status).toBe(200);
    });

    it('of people is served at /, with no script and nothing from elsewhere', async () => {
      const answer = await fetch(world().server.url);
      expect(answer.headers.get('Content-Security-Policy')).toContain("default-src 'none'");
      expect(await answer.text()).toContain(world().deployment.deployment);
    });
  });
}
