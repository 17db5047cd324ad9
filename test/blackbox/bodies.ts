import { describe, expect, it } from 'vitest';
import { BODY_MAX_BYTES } from '../../src/protocol/api.ts';
import { OPERATIONS } from '../../src/protocol/operations.ts';
import { expectProblem, stored, type World } from './world.ts';

const PATH = '/v1/policy';

/** A body that does not say how long it is. */
function endless(total: number): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      if (sent >= total) return controller.close();
      controller.enqueue(new Uint8Array(16_384).fill(0x20));
      sent += 16_384;
    },
  });
}

/** What is no request of this API. */
export function bodies(world: () => World): void {
  describe('a body', () => {
    it('that is no JSON is malformed-json', async () => {
      await expectProblem(
        await world().alice.ask('PUT', PATH, { body: '{"blocked":' }),
        'bad-request',
        'malformed-json',
      );
    });

    it('of another shape is malformed-body, which names places and no values', async () => {
      const body = JSON.stringify({ blocked: ['secret-value'], quietUntil: 'soon' });
      const told = await expectProblem(await world().alice.ask('PUT', PATH, { body }), 'bad-request', 'malformed-body');
      expect(told['paths']).toEqual(expect.arrayContaining(['blocked.0', 'quietUntil', 'contacts']));
      expect(JSON.stringify(told)).not.toContain('secret-value');
    });

    it('of another content type is not read', async () => {
      const answer = await world().alice.ask('PUT', PATH, { body: '{}', type: 'text/plain' });
      await expectProblem(answer, 'unsupported-media-type', 'content-type');
      for (const type of ['application/json; charset=latin1', 'application/json; profile=x', 'application/jsonp', '']) {
        const other = await world().alice.ask('PUT', PATH, { body: '{}', type });
        await expectProblem(other, 'unsupported-media-type', 'content-type');
      }
    });

    it('in UTF-8 may say so', async () => {
      const body = JSON.stringify({ blocked: [], quietUntil: null, contactsOnly: false, contacts: [] });
      for (const type of ['Application/JSON', 'application/json;charset=UTF-8', 'application/json; charset="utf-8"'])
        expect((await world().alice.ask('PUT', PATH, { body, type })).status).toBe(200);
    });

    it('that is packed is not unpacked', async () => {
      const answer = await world().alice.ask('PUT', PATH, { body: '{}', headers: { 'Content-Encoding': 'gzip' } });
      await expectProblem(answer, 'unsupported-media-type', 'content-encoding');
    });

    it('that declares too much is refused', async () => {
      const answer = await world().alice.ask('PUT', PATH, { body: ' '.repeat(BODY_MAX_BYTES + 1) });
      expect(await expectProblem(answer, 'too-large', 'body-too-large')).toMatchObject({ limit: BODY_MAX_BYTES });
    });

    it('that grows too large while it streams is refused', async () => {
      const answer = await world().alice.ask('PUT', PATH, { body: endless(BODY_MAX_BYTES + 65_536) });
      await expectProblem(answer, 'too-large', 'body-too-large');
    });

    it('that is no UTF-8 is refused', async () => {
      const answer = await world().alice.ask('PUT', PATH, { body: new Uint8Array([0x22, 0xff, 0x22]) });
      await expectProblem(answer, 'bad-request', 'not-utf8');
    });

    it('that was refused changed nothing', async () => {
      const { alice } = world();
      const before = await stored(alice);
      for (const operation of OPERATIONS.filter(({ takes, who }) => takes && who === 'device')) {
        const path = operation.path.replace('{id}', 'A'.repeat(22)).replace('{call}', 'a'.repeat(32));
        for (const body of ['{', '[]', '{"v":1,"call":7}'])
          expect([operation.path, body, (await alice.ask(operation.method, path, { body })).ok]).toEqual([
            operation.path,
            body,
            false,
          ]);
      }
      expect(await stored(alice)).toEqual(before);
    });
  });

  describe('a resource', () => {
    it('that is not there is not-found', async () => {
      await expectProblem(await fetch(`${world().server.url}/v1/nothing`), 'not-found', 'no-such-resource');
    });

    it('tells the methods it takes', async () => {
      const answer = await fetch(`${world().server.url}/v1/policy`, { method: 'PATCH' });
      expect(answer.headers.get('Allow')).toBe('GET, PUT');
      await expectProblem(answer, 'method-not-allowed', 'method');
    });

    it('with a parameter of another form is a problem', async () => {
      const { alice } = world();
      await expectProblem(await alice.ask('GET', '/v1/accounts/nobody/manifests'), 'bad-request', 'malformed-query');
      const path = `/v1/accounts/${alice.identity.account}/manifests?after=-1`;
      await expectProblem(await alice.ask('GET', path), 'bad-request', 'malformed-query');
      await expectProblem(await alice.ask('GET', '/v1/calls/nothing'), 'not-found', 'unknown-call');
    });
  });

  it('a request id of the sender is not taken for ours', async () => {
    const answer = await fetch(`${world().server.url}/healthz`, { headers: { 'X-Request-Id': 'chosen-by-me' } });
    expect(answer.headers.get('X-Request-Id')).toMatch(/^[A-Za-z0-9_-]{16}$/);
  });
}
