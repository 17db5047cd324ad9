import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/actors/port.ts';
import { ObjectActors } from '../../src/hosts/cloudflare/actors.ts';
import { type Ground, type Person, type Phone, Town } from '../actors/people.ts';
import { type Env, ways } from './probe-worker.ts';

const bound = env as unknown as Env;
const actors = new ObjectActors(ways(bound));
const ground: Ground = {
  get now() {
    return Date.now();
  },
  dice: { bytes: (count) => crypto.getRandomValues(new Uint8Array(count)) },
  command: (to, key, body) => actors.command(to, key, body as Json),
  pass: async () => undefined,
};
const town = new Town(ground);

const namespace = { account: bound.ACCOUNT, device: bound.DEVICE, call: bound.CALL };
type Kind = keyof typeof namespace;
const object = (kind: Kind, name: string) =>
  namespace[kind]!.get(namespace[kind]!.idFromName(name)) as unknown as DurableObjectStub;
const evict = (kind: Kind, name: string) => evictDurableObject(object(kind, name), { webSockets: 'hibernate' });

interface Heard {
  readonly type: string;
  readonly seq?: number;
  readonly topic?: string;
  readonly reply?: { ok: boolean; granted?: object };
  readonly body?: { readonly type: string };
}

let hellos = 0;

/** A courier that keeps what it hears and acknowledges as it goes. */
async function courier(phone: Phone): Promise<{ socket: WebSocket; heard: Heard[]; calls: () => string[] }> {
  const nonce = { id: `hello-${++hellos}`, until: Date.now() + 60_000 };
  const body = {
    do: 'courier',
    account: phone.account,
    device: phone.device,
    key: phone.key,
    pushTokenHash: 'push',
    box: null,
    lastSeq: 0,
    nextNonce: 'n',
    nonce,
  };
  const request = new Request('https://callsign.test/', { headers: { Upgrade: 'websocket' } });
  const response = await actors.upgrade({ kind: 'device', name: phone.device }, request, { tags: ['courier'], body });
  const socket = response.webSocket!;
  const heard: Heard[] = [];
  socket.addEventListener('message', (event) => {
    const frame = JSON.parse(String(event.data)) as Heard;
    heard.push(frame);
    if (frame.type === 'deliver') socket.send(JSON.stringify({ type: 'ack', upTo: frame.seq }));
  });
  socket.accept();
  await expect.poll(() => heard.some((frame) => frame.type === 'drained')).toBe(true);
  return {
    socket,
    heard,
    calls: () => heard.flatMap((frame) => (frame.topic === 'call' && frame.body ? [frame.body.type] : [])),
  };
}

type Looked = { set: number; devices: { device: string; capability: string }[] };

async function invite(caller: Person, callee: Person, call: string): Promise<object> {
  const party = { account: caller.account, device: caller.devices[0]!.device };
  const looked = await town.ask<Looked>('account', callee.account, {
    do: 'lookup',
    caller: party,
    handle: callee.account,
    known: null,
  });
  const legs = looked.devices.map(({ device, capability }) => ({
    device,
    capability,
    message: device.length.toString(16).padStart(32, '0'),
    body: 'AAAA',
  }));
  return { verb: 'invite', call, attempt: 0, to: callee.account, media: ['audio'], set: looked.set, legs };
}

const callId = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');

describe('the product’s actors as Durable Objects', () => {
  test('an account keeps its chain, its devices and its callable set through eviction', async () => {
    const ann = await town.person(2);
    await evict('account', ann.account);
    const [first] = ann.devices;
    expect(
      await town.ask('account', ann.account, { do: 'authorize', device: first!.device, key: first!.key }),
    ).toMatchObject({ ok: true, version: 2 });
    const looked = await town.ask<Looked>('account', ann.account, {
      do: 'lookup',
      caller: { account: ann.account, device: first!.device },
      handle: ann.account,
      known: null,
    });
    expect(looked.devices.map((one) => one.device)).toEqual(ann.devices.map((one) => one.device).toSorted());
  });

  test('a device hibernates with its courier open, and the next invitation still arrives over that socket', async () => {
    const [ann, bob] = [await town.person(1), await town.person(1)];
    const phone = await courier(bob.devices[0]!);
    await evict('device', bob.devices[0]!.device);
    const call = callId();
    const party = { account: ann.account, device: ann.devices[0]!.device };
    await town.tell('call', call, { do: 'verb', party, verb: await invite(ann, bob, call) });
    await expect.poll(() => phone.calls()).toEqual(['invite']);
    await evict('device', bob.devices[0]!.device);
    await town.tell('call', call, { do: 'verb', party, verb: { verb: 'cancel', call, attempt: 0 } });
    await expect.poll(() => phone.calls()).toEqual(['invite', 'cancelled']);
    phone.socket.close();
  });

  test('a call that rings is the same call after eviction: answered once, and its sockets stay', async () => {
    const [ann, bob] = [await town.person(1), await town.person(2)];
    const caller = { account: ann.account, device: ann.devices[0]!.device };
    const [left, right] = bob.devices.map(({ device }) => ({ account: bob.account, device }));
    const call = callId();
    await town.tell('call', call, { do: 'verb', party: caller, verb: await invite(ann, bob, call) });
    await expect
      .poll(() => town.ask('call', call, { do: 'look', party: caller }))
      .toMatchObject({
        view: { state: 'ringing' },
      });
    await evict('call', call);
    const answer = { verb: 'answer', call, attempt: 0, message: 'ab'.repeat(16), body: 'BBBB' };
    const answers = await Promise.all(
      [left, right].map((party) =>
        town.ask<{ ok: boolean; granted?: object }>('call', call, { do: 'verb', party, verb: answer }),
      ),
    );
    expect(answers.filter((one) => one.granted)).toHaveLength(1);
    await evict('call', call);
    const again = await Promise.all(
      [left, right].map((party) =>
        town.ask<{ ok: boolean; granted?: object }>('call', call, { do: 'verb', party, verb: answer }),
      ),
    );
    expect(again.map((one) => one.granted !== undefined)).toEqual(answers.map((one) => one.granted !== undefined));
    const { ticket } = await town.ask<{ ticket: string }>('call', call, { do: 'ticket', party: caller });
    const request = new Request('https://callsign.test/', { headers: { Upgrade: 'websocket' } });
    const response = await actors.upgrade({ kind: 'call', name: call }, request, {
      tags: [],
      body: { do: 'socket', ticket },
    });
    const socket = response.webSocket!;
    const heard: string[] = [];
    socket.addEventListener('message', (event) => heard.push(String(event.data)));
    socket.accept();
    await evict('call', call);
    socket.send(JSON.stringify({ type: 'call', request: 'r', verb: { verb: 'alive', call, attempt: 0 } }));
    await expect.poll(() => heard.join()).toContain('"request":"r"');
    socket.close();
  });

  test('what nobody made leaves nothing behind when it is asked', async () => {
    const stranger = town.phone().device;
    expect(await town.ask('device', stranger, { do: 'key-status' })).toEqual({ ok: false, reason: 'unknown-device' });
    const tables = await runInDurableObject(object('device', stranger), (_, state) =>
      state.storage.sql.exec(`SELECT name FROM sqlite_master WHERE type = 'table'`).toArray(),
    );
    expect(tables).toEqual([]);
  });
});
