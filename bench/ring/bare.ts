import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../../demo/free-port.ts';
import { startWorkerd } from '../../test/support/workerd.ts';
import { end, serve } from './process.ts';
import { Awaited, BODY, CALLEES, type Ringer } from './ringer.ts';
import { TextSocket } from './websocket.ts';

const DENO = new URL('../../node_modules/deno/deno', import.meta.url).pathname;
const MAIN = new URL('./bare-deno.ts', import.meta.url).pathname;

interface Bare {
  readonly url: string;
  stop(): Promise<void>;
}

/** What Deno, its WebSockets and its SQLite cost by themselves, state under `parent`: no server on them is faster. */
export async function bareDeno(name: string, parent: string): Promise<Ringer> {
  const folder = mkdtempSync(join(parent, 'callsign-bare-'));
  const port = await freePort();
  const args = ['run', '-A', '--no-remote', MAIN, join(folder, 'rows.sqlite'), String(port)];
  const server = await serve(DENO, args, port);
  return ringer(name, {
    url: `http://127.0.0.1:${port}`,
    async stop() {
      await end(server);
      rmSync(folder, { recursive: true, force: true });
    },
  });
}

/** What workerd costs by itself for the way that an invitation takes there: call, account, call, devices, each its own commit on disk. */
export async function bareWorkerd(name: string): Promise<Ringer> {
  const objects = { DEVICES: 'BareDevice', CALLS: 'BareCall', ACCOUNTS: 'BareAccount' };
  return ringer(name, await startWorkerd({ entry: 'bench/ring/bare-worker.ts', objects }));
}

async function ringer(name: string, server: Bare): Promise<Ringer> {
  const awaited = new Awaited();
  const sockets: TextSocket[] = [];
  const connect = async (device: string): Promise<TextSocket> => {
    const socket = await TextSocket.open(`${server.url}/${device}`, ['bare']);
    const heard = (text: string) => {
      const { call, seq } = JSON.parse(text) as { call: string; seq: number };
      awaited.came(call);
      socket.send(JSON.stringify({ type: 'ack', upTo: seq }));
    };
    socket.listen(heard, () => undefined);
    sockets.push(socket);
    return socket;
  };
  const caller = await connect('caller');
  for (const [devices, callees] of Object.entries(CALLEES))
    for (let callee = 0; callee < callees; callee++)
      for (let device = 0; device < Number(devices); device++) await connect(`${devices}-${callee}-${device}`);
  let rings = 0;
  return {
    name,
    ring(devices) {
      const call = `r${rings++}`;
      const came = awaited.expect(call, devices);
      const to = `${devices}-${rings % CALLEES[devices]!}`;
      const legs = Array.from({ length: devices }, (_, n) => ({ device: `${to}-${n}`, body: BODY }));
      caller.send(JSON.stringify({ type: 'invite', call, to, legs }));
      return came;
    },
    async stop() {
      for (const socket of sockets) socket.close();
      await server.stop();
    },
  };
}
