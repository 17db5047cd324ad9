import { connect, createServer, type Socket } from 'node:net';

/** A relay in front of a server, on a port of its own. */
export interface Swallower {
  readonly port: number;
  /** Connections that stand carry nothing from now on and stay open, as behind a router that forgot them. New ones pass. */
  readonly swallow: () => void;
  readonly stop: () => Promise<void>;
}

export async function startSwallower(to: number): Promise<Swallower> {
  const standing = new Set<{ silent: boolean; ends: readonly [Socket, Socket] }>();
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ host: '127.0.0.1', port: to, allowHalfOpen: true });
    const pair = { silent: false, ends: [near, far] as const };
    standing.add(pair);
    for (const [from, other] of [[near, far] as const, [far, near] as const]) {
      from.on('data', (bytes) => !pair.silent && other.write(bytes));
      from.on('end', () => !pair.silent && other.end());
      from.on('error', () => undefined);
      from.on('close', () => !pair.silent && other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    swallow: () => {
      for (const pair of standing) pair.silent = true;
    },
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const { ends } of standing) for (const end of ends) end.destroy();
      await closed;
    },
  };
}
