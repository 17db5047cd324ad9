/**
 * Every network operation that the SDK exports, given up at each of its requests in turn: the real server answers so many, the next
 * one never returns. What has neither a row here nor a place among the local ones fails the last test.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LiveCall } from '../../src/sdk/calls/call.ts';
import { CallsignClient as Client, Contacts, memoryStore, OwnAccount, webCrypto } from '../../src/sdk/index.ts';
import * as sdk from '../../src/sdk/index.ts';
import { Directory } from '../../src/sdk/directory.ts';
import { GroupFace } from '../../src/sdk/group/face.ts';
import { Ice } from '../../src/sdk/ice.ts';
import { Joining } from '../../src/sdk/join.ts';
import { Linking } from '../../src/sdk/link.ts';
import { Push } from '../../src/sdk/push.ts';
import { Gate, givenUp, operations, prepare, type Stage } from './suite/aborts.ts';
import { Cast, found, until, within } from './suite/cast.ts';
import { deploy, type Deployment } from './suite/server.ts';

let deployed: Deployment;
let cast: Cast;
let stage: Stage;
const gate = new Gate();

beforeAll(async () => {
  deployed = await deploy();
  const { server, deployment, root } = deployed;
  const own = { crypto: () => webCrypto(), store: async () => memoryStore() };
  cast = new Cast({ origin: server.url, deployment, root, ...own });
  stage = await prepare(cast, gate);
});

afterAll(async () => {
  cast?.close();
  await deployed?.server.stop();
});

it.each(Object.entries(operations))('%s', async (_, operation) => {
  expect(await givenUp(operation, stage, gate)).toEqual([]);
});

it('relays that are watched are asked for no more once the watch ended', async () => {
  gate.open(0);
  const before = gate.given.length;
  const stop = stage.linkers[0]!.ice.watch('c'.repeat(32), () => undefined);
  await within(gate.hung, 'a request');
  stop();
  await until(() => gate.given.length === before + 1, 'given up');
  gate.open();
});

describe('of a call', () => {
  it('what is being asked for it is given up with it', async () => {
    const tickets = new Gate();
    tickets.only = (path) => path.endsWith('/tickets');
    tickets.open(0);
    const bob = await cast.person();
    const alice = await cast.person({ config: await cast.config(tickets.through) });
    const call = alice.device.client.call(await found(alice.device, bob.handle));
    (await bob.device.ring()).accept();
    await within(tickets.hung, 'a ticket');
    expect(tickets.given).toEqual([]);
    call.hangup();
    await until(() => tickets.given.length > 0 && tickets.given.length === tickets.hanging.length, 'given up');
  });

  const never = () => new Promise<never>(() => undefined);
  const nothing = () => undefined;
  const given = { code: 'aborted', reason: 'aborted' };

  it('a signal that nobody takes is no longer waited for', async () => {
    const over = new AbortController();
    const port = { accept: nothing, decline: nothing, hangup: nothing, signal: never, relay: nothing };
    const about = { id: '1', role: 'caller', peer: { account: 'a', handle: null }, media: [] } as const;
    const waiting = new LiveCall(about, port).signal(new Uint8Array(1), { signal: over.signal });
    over.abort();
    await expect(waiting).rejects.toMatchObject(given);
  });

  it('nor is somebody who is added to a group or put out of it', async () => {
    const face = new GroupFace({ add: never, remove: never } as never);
    const over = new AbortController();
    const waiting = [face.add({} as never, over.signal), face.remove({ id: 'x' }, over.signal)];
    over.abort();
    for (const one of waiting) await expect(one).rejects.toMatchObject(given);
  });
});

/** What asks nobody: of this device's store, of its memory, or a hint. */
const LOCAL: Record<string, readonly string[]> = {
  CallsignClient: ['identity', 'close', 'networkChanged', 'call', 'accept', 'decline', 'hangup'],
  OwnAccount: [],
  Push: ['callerOf', 'isFrom'],
  Contacts: ['safetyNumber', 'verify', 'unverify', 'standing', 'acknowledge', 'met'],
  Directory: ['head', 'certificate'],
  // `watch` is ended by the function that it gives: above.
  Ice: ['keep', 'watch'],
  Linking: [],
  // `begin` is part of `join`.
  Joining: ['begin'],
  sdk: [
    'defaultConfig',
    'webCrypto',
    'restoreIdentity',
    'newRecoveryKey',
    'recoveryKeyFrom',
    'indexedDbStore',
    'memoryStore',
    'androidKeystoreAttester',
    'appAttestAttester',
    'developmentAttester',
    'linkedAttester',
    'tpmAttester',
    'webauthnAttester',
    'CallsignClient',
    'CallsignError',
    'Contacts',
    'OwnAccount',
  ],
};

it('nothing that the SDK exports is left out', () => {
  const classes = { CallsignClient: Client, OwnAccount, Push, Contacts, Directory, Ice, Linking, Joining };
  const missing = Object.entries(classes).flatMap(([name, { prototype }]) =>
    Object.getOwnPropertyNames(prototype)
      .filter((method) => method !== 'constructor' && !LOCAL[name]!.includes(method))
      .map((method) => `${name}.${method}`)
      .filter((method) => !(method in operations)),
  );
  const functions = Object.keys(sdk).filter((name) => !LOCAL['sdk']!.includes(name) && !(name in operations));
  expect([...missing, ...functions]).toEqual([]);
});
