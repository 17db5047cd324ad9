import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { configFor, type Deployment, type Device, enrollDevice, within } from '../../demo/people.ts';
import { type HostName, type Server, startServer } from '../../demo/server.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { deviceIdOf } from '../../src/directory/account.ts';
import { makeDevelopmentSecrets, openSecrets } from '../../src/hosts/secrets.ts';
import {
  BAD_FRAMES_MAX,
  CLIENT_FRAME_MAX_LENGTH,
  CLOSE,
  CONTROL_RESERVE_ROWS,
  COURIER_PROTOCOL,
  FRAME_BURST,
  MAILBOX_MAX_ROWS,
  POISON_AFTER_MS,
  POISON_CONNECTIONS,
  SENDER_MAX_ROWS,
} from '../../src/protocol/courier.ts';
import type { Envelope, PutReply } from '../../src/protocol/envelope.ts';
import { askUpgrade, firstWord } from '../blackbox/upgrade.ts';
import { expectProblem } from '../blackbox/world.ts';
import { Prover } from '../blackbox/prover.ts';
import { type Claims, helloOf, Line, PATIENCE_MS, until } from './line.ts';
import type { Planted } from './plant.ts';

const ENTRY = { deno: 'test/courier/planted-deno.ts', workerd: 'test/workerd/planted.ts' } as const;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const DORMANT_MS = 90 * DAY_MS;

/** The courier and the mailbox behind it, on a real server and over its sockets; `docs/protocol/courier.md` says what must hold. */
export function courier(host: HostName): void {
  let server: Server;
  let deployment: Deployment;
  let operator: string;
  let device: Device;
  let other: Device;
  let lines: Line[] = [];
  let sent = 0;
  let ahead = 0;

  const post = async <T>(path: string, body: unknown): Promise<T> => {
    const answer = await fetch(`${server.url}/plant/${path}`, { method: 'POST', body: JSON.stringify(body) });
    return (await answer.json()) as T;
  };
  const now = () => Date.now() + ahead;
  /** The server's clock, and a client's that keeps to it. */
  const pass = async (ms: number) => {
    ahead += ms;
    await post('clock', ahead);
  };
  const turns = async (): Promise<Record<string, number>> =>
    (await (await fetch(`${server.url}/plant/turns`)).json()) as Record<string, number>;

  const nonce = async () => ((await (await fetch(`${server.url}/v1/courier/nonce`)).json()) as { nonce: string }).nonce;
  const greeting = async (claims: Claims = {}, who = device) =>
    helloOf(who.enrolled.identity, {
      nonce: claims.nonce ?? (await nonce()),
      deployment: deployment.deployment,
      iat: now(),
      ...claims,
    });
  const dial = (jws: string): Line => {
    const line = new Line(server.url, jws);
    lines.push(line);
    return line;
  };
  /** Connected, and everything that waited has come. */
  const connect = async (claims: Claims = {}, who = device): Promise<Line> => {
    const line = dial(await greeting(claims, who));
    await line.first('drained');
    return line;
  };
  const refusal = async (jws: string) =>
    (await askUpgrade(`${server.url}/v1/courier`, { 'Sec-WebSocket-Protocol': `${COURIER_PROTOCOL}, ${jws}` }))
      .response;
  /** What a connection is closed with that is let in for nothing else. */
  const turnedAway = async (jws: string) => firstWord(`${server.url}/v1/courier`, [COURIER_PROTOCOL, jws]);

  const envelope = (given: Partial<Envelope> = {}): Envelope => ({
    id: `e-${++sent}`,
    topic: 'later',
    from: null,
    collapse: null,
    expires: now() + 10 * DAY_MS,
    priority: 'normal',
    control: false,
    volatile: false,
    receipt: null,
    order: null,
    push: null,
    body: { n: sent },
    ...given,
  });
  const command = <T>(bodies: readonly object[], who = device): Promise<T[]> =>
    post(
      'commands',
      bodies.map((body) => ({ to: { kind: 'device', name: who.enrolled.identity.device }, body }) as Planted),
    );
  const put = (...envelopes: readonly Envelope[]): Promise<PutReply[]> =>
    command(envelopes.map((one) => ({ do: 'put', envelope: one })));
  const delivered = (line: Line) => line.all('deliver').map(({ id }) => id);

  const events = async (type: string) => {
    const answer = await fetch(`${server.url}/v1/admin/events?after=0`, {
      headers: { Authorization: `Bearer ${operator}` },
    });
    const rows = (await answer.text()).split('\n').filter((line) => line !== '');
    const { device: name } = device.enrolled.identity;
    return rows
      .map((line) => JSON.parse(line) as { type: string; subject: string; reason: string })
      .filter((row) => row.type === type && row.subject === name);
  };

  const newcomer = (name: string) => enrollDevice(name, configFor(server.url, deployment), null);

  beforeAll(async () => {
    const secrets = await makeDevelopmentSecrets(Date.now());
    server = await startServer(host, secrets, {}, ENTRY[host]);
    ({ operator } = await openSecrets(secrets, server.url, 'development'));
    deployment = (await (await fetch(`${server.url}/v1/deployment`)).json()) as Deployment;
    other = await newcomer('other');
  }, 3 * MINUTE_MS);

  afterAll(() => server?.stop(), MINUTE_MS);

  beforeEach(async () => {
    device = await newcomer('device');
  }, MINUTE_MS);

  afterEach(async () => {
    for (const line of lines) await line.close();
    lines = [];
    if (ahead !== 0) await pass(-ahead);
  }, MINUTE_MS);

  describe(`the courier on ${host}`, { timeout: 10 * MINUTE_MS }, () => {
    describe('a hello', () => {
      it('is verified before any object is touched: a bad one reaches neither the device nor its account', async () => {
        const { account, device: name } = device.enrolled.identity;
        const of = (all: Record<string, number>) => [all[`device/${name}`] ?? 0, all[`account/${account}`] ?? 0];
        const before = of(await turns());
        const [head, , signature] = (await greeting()).split('.');
        const [, payload] = (await greeting()).split('.');
        const short = await helloOf({ ...device.enrolled.identity, chain: [] }, { nonce: await nonce() });
        const cases = [
          ['a.b.c', 'hello-malformed'],
          [short, 'certificate-refused'],
          [await greeting({ deployment: 'another' }), 'hello-deployment'],
          [await greeting({ device: other.enrolled.identity.device }), 'hello-device'],
          [await greeting({ iat: now() - 2 * MINUTE_MS }), 'hello-time'],
          [await greeting({ nonce: 'n1.AAAA.BBBB' }), 'hello-nonce'],
          [await greeting({ lastSeq: -1 }), 'hello-malformed'],
          [`${head}.${payload}.${signature}`, 'hello-signature'],
        ] as const;
        for (const [jws, reason] of cases) await expectProblem(await refusal(jws), 'unauthenticated', reason);
        expect(of(await turns())).toEqual(before);
        await connect();
        expect(of(await turns())[0]).toBeGreaterThan(before[0]!);
      });

      it('leaves nothing of a device that was never enrolled here', async () => {
        const stranger = deviceIdOf(crypto.getRandomValues(new Uint8Array(16)));
        await expectProblem(await refusal(await greeting({ device: stranger })), 'unauthenticated', 'hello-device');
        expect(Object.keys(await turns()).filter((name) => name.includes(stranger))).toEqual([]);
      });

      it('counts once, and its nonce is in force for five minutes; that of a welcome is this device’s, for a day', async () => {
        const jws = await greeting();
        const line = dial(jws);
        const { nextNonce } = await line.first('welcome');
        expect(await turnedAway(jws)).toEqual({ code: CLOSE.forbidden });
        await line.lives();
        const old = await nonce();
        await expectProblem(
          await refusal(await greeting({ nonce: nextNonce }, other)),
          'unauthenticated',
          'hello-nonce',
        );
        await pass(5 * MINUTE_MS + 1_000);
        await expectProblem(await refusal(await greeting({ nonce: old })), 'unauthenticated', 'hello-nonce');
        await connect({ nonce: nextNonce });
        const { nextNonce: later } = await lines.at(-1)!.first('welcome');
        await pass(DAY_MS + 1_000);
        await expectProblem(await refusal(await greeting({ nonce: later })), 'unauthenticated', 'hello-nonce');
      });
    });

    describe('of two connections of one device', () => {
      it('the newest wins, the older is closed with 4409, and what comes goes to the newest', async () => {
        const older = await connect();
        const newest = await connect();
        expect(await within(PATIENCE_MS, older.closed, 'it was not closed')).toBe(CLOSE.elsewhere);
        const [stored] = await put(envelope({ id: 'after' }));
        expect(stored).toMatchObject({ ok: true, outcome: 'stored', live: true });
        await until(() => delivered(newest).includes('after'));
        expect(delivered(older)).toEqual([]);
      });

      it('the newest wins only when its hello verified and is this device’s: else the older one stays', async () => {
        const jws = await greeting();
        const line = dial(jws);
        await line.first('drained');
        await refusal(await greeting({ deployment: 'another' }));
        expect(await turnedAway(jws)).toEqual({ code: CLOSE.forbidden });
        const pushTokenHash = base64url(crypto.getRandomValues(new Uint8Array(32)));
        expect(await turnedAway(await greeting({ pushTokenHash }))).toEqual({ code: CLOSE.forbidden });
        await put(envelope({ id: 'still here' }));
        await until(() => delivered(line).includes('still here'));
        expect(line.code).toBe(null);
      });
    });

    describe('a device', () => {
      it('that is revoked while connected is closed with 4401 and not let in again, without a turn of its own', async () => {
        const line = await connect();
        const { account, device: name } = device.enrolled.identity;
        await fetch(`${server.url}/v1/admin/revocations`, {
          method: 'POST',
          headers: { Authorization: `Bearer ${operator}`, 'Content-Type': 'application/json' },
          body: JSON.stringify({ account, device: name, reason: 'lost' }),
        });
        expect(await within(PATIENCE_MS, line.closed, 'it was not closed')).toBe(CLOSE.revoked);
        expect(await put(envelope())).toEqual([{ ok: false, reason: 'revoked' }]);
        const before = (await turns())[`device/${name}`];
        expect(await turnedAway(await greeting())).toEqual({ code: CLOSE.revoked });
        expect((await turns())[`device/${name}`]).toBe(before);
      });

      it('whose certificate ended is let in to renew: it hears nothing else, and may say little, until there is a new one', async () => {
        const { notAfter } = device.enrolled.identity;
        await pass(notAfter - now() + MINUTE_MS);
        const line = dial(await greeting());
        expect(await line.first('renewal-needed')).toEqual({ type: 'renewal-needed', by: notAfter + DORMANT_MS });
        expect((await put(envelope({ id: 'for later' })))[0]).toMatchObject({
          ok: true,
          outcome: 'stored',
          live: false,
        });
        const verb = { verb: 'alive', call: 'c0'.repeat(16), attempt: 0 };
        line.send({ type: 'call', request: 'r1', verb });
        expect(await line.first('reply')).toMatchObject({ reply: { ok: false, reason: 'certificate-expired' } });
        line.send({ type: 'call', request: 'r2', verb: { ...verb, verb: 'hangup' } });
        await until(() => line.all('reply').some(({ request }) => request === 'r2'));
        expect(line.all('reply')[1]).toMatchObject({ reply: { ok: false, reason: 'unknown-call' } });
        expect(line.all('deliver')).toEqual([]);
        await command([{ do: 'renewed', notAfter: now() + 7 * DAY_MS }]);
        expect(await line.first('reconnect')).toEqual({ type: 'reconnect', afterMs: 0, spreadMs: 0 });
        expect(await within(PATIENCE_MS, line.closed, 'it was not closed')).toBe(CLOSE.renewed);
      });

      it('whose certificate ended more than 90 days ago is closed with 4402, and its object hears nothing', async () => {
        const { device: name, notAfter } = device.enrolled.identity;
        const before = (await turns())[`device/${name}`];
        await pass(notAfter - now() + DORMANT_MS + MINUTE_MS);
        expect(await turnedAway(await greeting())).toEqual({ code: CLOSE.expired });
        expect((await turns())[`device/${name}`]).toBe(before);
      });

      it('that rotates its push token is known by the new one alone; a connection that it has stays', async () => {
        const line = await connect();
        const fresh = crypto.getRandomValues(new Uint8Array(32));
        const pushTokenHash = base64url(new Uint8Array(await crypto.subtle.digest('SHA-256', fresh)));
        const prover = new Prover(server.url, device.enrolled.identity);
        for (const times of [1, 2])
          expect({ times, ...(await prover.read<object>('PUT', '/v1/courier/token', { pushTokenHash })) }).toEqual({
            times,
            pushTokenHash,
          });
        await line.lives();
        expect(await turnedAway(await greeting())).toEqual({ code: CLOSE.forbidden });
        await line.lives();
        await connect({ pushTokenHash });
        expect(await within(PATIENCE_MS, line.closed, 'it was not closed')).toBe(CLOSE.elsewhere);
        const unfit = await prover.ask('PUT', '/v1/courier/token', { body: '{"pushTokenHash":"short"}' });
        await expectProblem(unfit, 'bad-request', 'malformed-body');
      });
    });

    describe('what waited', () => {
      it('comes between welcome and drained, in order, with a gap for each run that expired', async () => {
        const soon = { expires: now() + MINUTE_MS };
        const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
        const short = new Set(['b', 'c', 'f']);
        const replies = await put(...ids.map((id) => envelope({ id, ...(short.has(id) && soon) })));
        expect(replies.map((reply) => reply.ok && reply.seq)).toEqual([1, 2, 3, 4, 5, 6]);
        await pass(2 * MINUTE_MS);
        const line = await connect();
        const told = line.frames.map((frame) =>
          frame.type === 'deliver'
            ? frame.id
            : frame.type === 'gap'
              ? `${frame.fromSeq}-${frame.toSeq} ${frame.cause}`
              : frame.type,
        );
        expect(told).toEqual(['welcome', 'a', '2-3 expired', 'd', 'e', '6-6 expired', 'drained']);
        expect(line.all('welcome')[0]).toMatchObject({ oldestSeq: 1, newestSeq: 6 });
      });

      it('is acknowledged cumulatively; what was never sent cannot be, and an acknowledgement is known through the next hello', async () => {
        await put(...['a', 'b', 'c', 'd'].map((id) => envelope({ id })));
        const first = await connect();
        first.send({ type: 'ack', upTo: 2 });
        first.send({ type: 'ack', upTo: 1 });
        await first.lives();
        const second = await connect();
        await until(() => first.code !== null);
        expect(delivered(second)).toEqual(['c', 'd']);
        const { box } = await second.first('welcome');
        const third = await connect({ box, lastSeq: 3 });
        expect(delivered(third)).toEqual(['d']);
        third.send({ type: 'ack', upTo: 4_000 });
        const [repeat] = await put(envelope({ id: 'a' }));
        expect(repeat).toMatchObject({ ok: true, outcome: 'duplicate', seq: 1 });
        await until(async () => (await put(envelope({ id: 'e' })))[0]?.ok);
        await until(() => delivered(third).includes('e'));
        expect(third.all('deliver').at(-1)).toMatchObject({ id: 'e', seq: 5 });
        third.send({ type: 'ack', upTo: 5 });
        await third.lives();
        expect(delivered(await connect())).toEqual([]);
      });

      it('comes again and whole to a client that knows more than the mailbox, in a new box', async () => {
        await put(envelope({ id: 'a' }), envelope({ id: 'b' }));
        const { box } = await (await connect()).first('welcome');
        const line = await connect({ box, lastSeq: 90 });
        expect(line.all('welcome')[0]!.box).not.toBe(box);
        expect(delivered(line)).toEqual(['a', 'b']);
      });

      it('and kills its client five times is set aside, the operator hears it, and what is behind it comes', async () => {
        await put(envelope({ id: 'poison' }), envelope({ id: 'behind' }));
        for (let n = 0; n < POISON_CONNECTIONS; n++) {
          const line = await connect();
          expect(delivered(line).slice(0, 2)).toEqual(['poison', 'behind']);
          await pass(POISON_AFTER_MS + 1_000);
          await line.close();
          // The close has reached the device when a put no longer finds a connection.
          await until(async () => {
            const [reply] = await put(envelope({ topic: 'probe', volatile: true, expires: now() + MINUTE_MS }));
            return reply?.ok && !reply.live;
          });
        }
        const line = await connect();
        expect(line.all('gap')[0]).toEqual({ type: 'gap', fromSeq: 1, toSeq: 1, cause: 'poison' });
        expect(delivered(line)).toContain('behind');
        expect(delivered(line)).not.toContain('poison');
        expect(await until(async () => (await events('mailbox.poison'))[0])).toMatchObject({ reason: 'later' });
      });
    });

    describe('a full mailbox', () => {
      it('refuses with mailbox-full and never drops what it acknowledged, also through a SIGKILL; the operator hears it', async () => {
        const ids = Array.from({ length: MAILBOX_MAX_ROWS }, (_, n) => `full-${n}`);
        const replies: PutReply[] = [];
        for (let at = 0; at < ids.length; at += 250)
          replies.push(...(await put(...ids.slice(at, at + 250).map((id) => envelope({ id })))));
        expect(replies.every((reply) => reply.ok && reply.outcome === 'stored')).toBe(true);
        expect(await put(envelope({ id: 'too many' }))).toEqual([{ ok: false, reason: 'mailbox-full' }]);
        const control = await put(
          ...Array.from({ length: CONTROL_RESERVE_ROWS + 1 }, () => envelope({ control: true })),
        );
        expect(control.filter(({ ok }) => ok)).toHaveLength(CONTROL_RESERVE_ROWS);
        expect(control.at(-1)).toEqual({ ok: false, reason: 'mailbox-full' });
        await server.restart();
        const line = await connect();
        expect(delivered(line).slice(0, MAILBOX_MAX_ROWS)).toEqual(ids);
        expect(line.all('deliver')).toHaveLength(MAILBOX_MAX_ROWS + CONTROL_RESERVE_ROWS);
        // Each by itself, as fast as it goes: that is not too fast.
        for (const { seq } of line.all('deliver')) line.send({ type: 'ack', upTo: seq });
        await until(async () => (await put(envelope()))[0]?.ok);
        expect(line.all('error')).toEqual([]);
        expect(line.code).toBe(null);
        expect(await until(async () => (await events('mailbox.full'))[0])).toMatchObject({ reason: 'later' });
      });

      it('of one sender does not keep others out', async () => {
        const own = Array.from({ length: SENDER_MAX_ROWS + 1 }, () => envelope({ from: 'greedy' }));
        const replies = await put(...own);
        expect(replies.filter(({ ok }) => ok)).toHaveLength(SENDER_MAX_ROWS);
        expect(replies.at(-1)).toEqual({ ok: false, reason: 'mailbox-full' });
        expect(await put(envelope({ from: 'modest' }))).toMatchObject([{ ok: true, outcome: 'stored' }]);
      });
    });

    it('the keep-alive of a connection is answered without a turn of its device', async () => {
      const line = await connect();
      const before = (await turns())[`device/${device.enrolled.identity.device}`];
      for (let n = 0; n < 5; n++) await line.lives();
      expect((await turns())[`device/${device.enrolled.identity.device}`]).toBe(before);
      line.send({ type: 'ack', upTo: 0 });
      await until(async () => (await turns())[`device/${device.enrolled.identity.device}`] === before! + 1);
    });

    it('a later envelope takes the place of those of the same sender, topic and key that wait, and of no others', async () => {
      const key = { collapse: 'k' };
      await put(
        envelope({ id: 'own', from: 'a', ...key }),
        envelope({ id: 'another sender', from: 'b', ...key }),
        envelope({ id: 'another topic', from: 'a', topic: 'other', ...key }),
        envelope({ id: 'another key', from: 'a', collapse: 'l' }),
        envelope({ id: 'none', from: 'a' }),
        envelope({ id: 'newest', from: 'a', ...key }),
      );
      const line = await connect();
      expect(delivered(line)).toEqual(['another sender', 'another topic', 'another key', 'none', 'newest']);
    });

    describe('frames', () => {
      const first = async (line: Line) => (await line.first('error')).reason;

      it('that are none are answered, and eight of them close with 4400; types of later versions are let go', async () => {
        const line = await connect();
        line.send({ type: 'of-a-later-version', whatever: 1 });
        line.send({ type: 'ack', upTo: -1 });
        expect(await first(line)).toBe('bad-frame');
        await line.lives();
        const bad = [
          '{',
          '[]',
          '{"type":7}',
          '{"type":"call"}',
          new Uint8Array([1, 2, 3]),
          'pong',
          '{"type":"ack","upTo":"1"}',
        ];
        for (const frame of bad) line.send(frame);
        expect(await within(PATIENCE_MS, line.closed, 'it was not closed')).toBe(CLOSE.badFrames);
        expect(line.all('error').map(({ reason }) => reason)).toEqual(Array(BAD_FRAMES_MAX).fill('bad-frame'));
      });

      it('that are too large are answered and not heard, and eight of them close with 4413', async () => {
        const line = await connect();
        const large = JSON.stringify({ type: 'ack', upTo: 0, more: 'x'.repeat(CLIENT_FRAME_MAX_LENGTH) });
        line.send(large);
        expect(await first(line)).toBe('frame-too-large');
        line.send(large.slice(0, CLIENT_FRAME_MAX_LENGTH - 2).concat('"}'));
        await line.lives();
        expect(line.all('error')).toHaveLength(1);
        for (let n = 1; n < BAD_FRAMES_MAX; n++) line.send(large);
        expect(await within(PATIENCE_MS, line.closed, 'it was not closed')).toBe(CLOSE.frameTooLarge);
      });

      it('that come too fast are refused as such, and who goes on so is closed with 4429; the next connection is served', async () => {
        const line = await connect();
        // So many that a machine which handles hardly more than the pace allows still sees them come too fast.
        for (let n = 0; n < 16 * FRAME_BURST; n++) line.send({ type: 'of-a-later-version', n });
        expect(await within(PATIENCE_MS, line.closed, 'it was not closed')).toBe(CLOSE.tooFast);
        const errors = line.all('error').map(({ reason }) => reason);
        expect(errors).toEqual(Array(BAD_FRAMES_MAX).fill('too-fast'));
        const again = await connect();
        const verb = { verb: 'alive', call: 'c0'.repeat(16), attempt: 0 };
        again.send({ type: 'call', request: 'slowly', verb });
        expect(await again.first('reply')).toMatchObject({ request: 'slowly', reply: { reason: 'unknown-call' } });
      });
    });
  });
}
