import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configFor, type Deployment, type Device, enrollDevice, within } from '../../demo/people.ts';
import { type Server, startServer } from '../../demo/server.ts';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import { CALL_PROTOCOL, DATAGRAM_BURST, DATAGRAM_MAX_BYTES, DATAGRAMS_PER_SECOND } from '../../src/protocol/call.ts';
import { CLOSE } from '../../src/protocol/courier.ts';
import { Prover } from '../blackbox/prover.ts';
import { firstWord } from '../blackbox/upgrade.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { codeFor, expectProblem } from '../blackbox/world.ts';

const BOB = 'bob@example.com';

/** A call-plane socket by hand: what came over it, and the code that it was closed with. */
class Plane {
  readonly datagrams: Buffer[] = [];
  readonly errors: string[] = [];
  /** When the last datagram came. */
  heardAt = 0;
  /** The call answered on it. */
  attached = false;
  readonly #socket: WebSocket;
  readonly closed: Promise<number>;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.addEventListener('message', ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (typeof data !== 'string') {
        this.heardAt = Date.now();
        this.datagrams.push(Buffer.from(data));
        return;
      }
      const frame = JSON.parse(data) as { type: string; reason?: string };
      if (frame.type === 'error') this.errors.push(frame.reason ?? '');
      if (frame.type === 'reply') this.attached = true;
    });
    this.closed = new Promise((resolve) => socket.addEventListener('close', ({ code }) => resolve(code)));
  }

  static async open(server: Server, prover: Prover, call: string): Promise<Plane> {
    const { ticket } = await prover.read<{ ticket: string }>('POST', `/v1/calls/${call}/tickets`, {});
    const url = `${server.url.replace('http', 'ws')}/v1/calls/${call}/socket`;
    const socket = new WebSocket(url, [CALL_PROTOCOL, ticket]);
    const plane = new Plane(socket);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', reject);
    });
    socket.send(JSON.stringify({ type: 'call', request: 'r', verb: { verb: 'alive', call, attempt: 0 } }));
    await until(() => plane.attached);
    return plane;
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    this.#socket.send(bytes);
  }

  close(): void {
    this.#socket.close();
  }
}

/** Says the same again until it came through: whatever was sent before it has come, or never will. */
async function through(from: Plane, to: Plane, said: number): Promise<void> {
  await until(() => {
    from.send(Uint8Array.of(said));
    return to.datagrams.at(-1)?.equals(Buffer.of(said)) === true;
  });
}

async function until(look: () => boolean): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; !look();) {
    if (Date.now() > deadline) throw new Error('it did not become so in time');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe.each(['workerd', 'deno'] as const)('the relay of the call plane on %s', (host) => {
  let server: Server;
  let call: string;
  let [alice, phone, tablet, eve] = [] as unknown as [Prover, Prover, Prover, Prover];
  let [caller, winner] = [] as unknown as [Plane, Plane];

  beforeAll(async () => {
    server = await startServer(host, await makeDevelopmentSecrets(Date.now()), {});
    const deployment = (await (await fetch(`${server.url}/v1/deployment`)).json()) as Deployment;
    const enrolled = (name: string) => enrollDevice(name, configFor(server.url, deployment), null);
    const [a, b, e] = [await enrolled('alice'), await enrolled('bob'), await enrolled('eve')];
    await b.client.addHandle(BOB, () => codeFor(server.url, BOB));
    const second = await enrollDevice('tablet', configFor(server.url, deployment), null, await b.client.sponsor());
    for (const { client } of [a, b, second]) await client.publishKeys();
    [alice, phone, tablet, eve] = [a, b, second, e].map(
      ({ enrolled: { identity } }: Device) => new Prover(server.url, identity),
    ) as [Prover, Prover, Prover, Prover];
    for (const device of [a, b, second]) await device.goOnline();
    const peer = await a.client.find(BOB, { claim: true });
    const placed = a.client.call(peer!, ['audio']);
    call = placed.id;
    const [ringing] = await within(PATIENCE_MS, Promise.all([b.nextRing(), second.nextRing()]), 'it did not ring');
    b.client.accept(ringing);
    await within(PATIENCE_MS, Promise.all([placed.reaches('active'), ringing.reaches('active')]), 'it did not connect');
    for (const { client } of [a, b, second]) client.close();
    caller = await Plane.open(server, alice, call);
    winner = await Plane.open(server, phone, call);
  });

  afterAll(async () => {
    for (const plane of [caller, winner]) plane?.close();
    await server?.stop();
  });

  it('carries datagrams as they are, both ways', async () => {
    const [there, back] = [crypto.getRandomValues(new Uint8Array(DATAGRAM_MAX_BYTES)), Uint8Array.of(1, 2, 3)];
    caller.send(there);
    await until(() => winner.datagrams.length === 1);
    winner.send(back);
    await until(() => caller.datagrams.length === 1);
    expect([winner.datagrams[0], caller.datagrams[0]]).toEqual([Buffer.from(there), Buffer.from(back)]);
  });

  it('refuses a stranger, with a ticket of nobody and without', async () => {
    const answer = await eve.ask('POST', `/v1/calls/${call}/tickets`, { body: '{}' });
    await expectProblem(answer, 'not-found', 'unknown-call');
    const word = await firstWord(`${server.url}/v1/calls/${call}/socket`, [CALL_PROTOCOL, 'A'.repeat(43)]);
    expect(word).toEqual({ code: CLOSE.forbidden });
  });

  it('refuses a device that lost the call', async () => {
    const answer = await tablet.ask('POST', `/v1/calls/${call}/tickets`, { body: '{}' });
    await expectProblem(answer, 'refused', 'wrong-role');
  });

  it('drops what a sender sends too fast, tells it once, and goes on afterwards', async () => {
    const started = Date.now();
    const before = winner.datagrams.length;
    // Fewer than a host holds unhandled for one socket, and far more than may pass in the time that they take.
    const sent = 900;
    for (let n = 0; n < sent; n++) caller.send(new Uint8Array(100).fill(n % 256));
    await through(caller, winner, 42);
    const passed = winner.datagrams.length - before;
    const whole = winner.datagrams.slice(before).filter(({ length }) => length === 100).length;
    const allowed = DATAGRAM_BURST + (DATAGRAMS_PER_SECOND * (winner.heardAt - started)) / 1_000 + 1;
    expect(passed).toBeGreaterThanOrEqual(DATAGRAM_BURST / 2);
    expect(passed).toBeLessThanOrEqual(allowed);
    await until(() => caller.errors.length > 0 || whole === sent);
    await through(caller, winner, 43);
    expect(caller.errors).toEqual(caller.errors.length > 0 ? ['too-fast'] : []);
  });

  it('closes the socket of an oversized sender, and relays nothing of it', async () => {
    caller.send(new Uint8Array(DATAGRAM_MAX_BYTES + 1));
    expect(await within(PATIENCE_MS, caller.closed, 'it was not closed')).toBe(CLOSE.frameTooLarge);
    caller = await Plane.open(server, alice, call);
    caller.send(Uint8Array.of(7));
    await until(() => winner.datagrams.at(-1)?.equals(Buffer.of(7)) === true);
    expect(winner.datagrams.filter(({ length }) => length > DATAGRAM_MAX_BYTES)).toEqual([]);
  });
});
