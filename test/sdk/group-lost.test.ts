/** A member of a group that loses its network for longer than its lease: it comes back by itself, as another participant. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClientConfig, memoryStore, type SocketLike, webCrypto } from '../../src/sdk/index.ts';
import { Cast, found, within } from './suite/cast.ts';
import { allHear, bring, groupOf, idOf, record, together } from './suite/groups.ts';
import { deploy, type Deployment } from './suite/server.ts';

let deployed: Deployment;
let cast: Cast;

beforeAll(async () => {
  deployed = await deploy();
  const { server, deployment, root } = deployed;
  cast = new Cast({
    origin: server.url,
    deployment,
    root,
    crypto: () => webCrypto(),
    store: async () => memoryStore(),
  });
});
afterAll(async () => {
  cast?.close();
  await deployed?.server.stop();
});

/** A network that can be pulled out and put back. */
class Cable {
  #open = new Set<SocketLike>();
  pulled = false;

  readonly config = ({ fetch, openSocket }: ClientConfig): Partial<ClientConfig> => ({
    fetch: (url, init) => (this.pulled ? Promise.reject(new TypeError('no network')) : fetch(url, init)),
    openSocket: (url, protocols) => {
      const socket = openSocket(this.pulled ? 'ws://127.0.0.1:9/' : url, protocols);
      this.#open.add(socket);
      return socket;
    },
  });

  pull(): void {
    this.pulled = true;
    for (const socket of this.#open) socket.close();
    this.#open.clear();
  }
}

async function eventually(holds: () => boolean, what: string): Promise<void> {
  for (const end = Date.now() + 120_000; !holds();) {
    if (Date.now() > end) throw new Error(`late: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('a member that is lost', () => {
  it('is dropped after its lease, comes back in its own place, and hears and is heard again', async () => {
    const cable = new Cable();
    const { device: alice } = await cast.person();
    const { device: bob, handle } = await cast.person({ config: await cast.config(cable.config) });
    const outgoing = alice.client.call(await found(alice, handle));
    const incoming = await bob.ring();
    incoming.accept();
    await within(Promise.all([outgoing.reaches('active'), incoming.reaches('active')]), 'both active');
    const [a, b] = [
      { device: alice, call: outgoing },
      { device: bob, call: incoming },
    ] as const;
    const carol = await bring(cast, a);
    await together(a, b, carol);
    const before = { id: idOf(b), epoch: groupOf(a).epoch! };
    const [left, connection] = [record(a, 'left'), record(a, 'connection')];

    cable.pull();
    await eventually(() => groupOf(a).epoch !== before.epoch, 'an epoch without Bob');
    expect(connection).toMatchObject([{ participant: { id: before.id }, here: false }]);
    expect(groupOf(a).participants.map(({ id }) => id)).toContain(before.id);
    cable.pulled = false;
    bob.client.networkChanged();
    await eventually(() => groupOf(b).member && idOf(b) !== before.id, 'Bob is another participant');
    await together(a, b, carol);
    await allHear(a, b, carol);
    expect(left).toMatchObject([{ participant: { id: before.id }, how: 'replaced' }]);
    await eventually(() => incoming.phase === 'active', 'the plane is open again');
    expect([outgoing, carol.call].map(({ phase }) => phase)).toEqual(['active', 'active']);
  });
});
