/**
 * Every network operation that the SDK exports, given up at each of its requests in turn: the real server answers so many, the next
 * one never returns. What has neither a row here nor a place among the local ones fails the last test.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LiveCall } from '../../src/sdk/calls/call.ts';
import {
  type CallsignClient,
  CallsignClient as Client,
  CallsignError,
  type ClientConfig,
  Contacts,
  developmentAttester,
  enroll,
  memoryStore,
  newRecoveryKey,
  OwnAccount,
  type Peer,
  webCrypto,
} from '../../src/sdk/index.ts';
import * as sdk from '../../src/sdk/index.ts';
import { Directory } from '../../src/sdk/directory.ts';
import { GroupFace } from '../../src/sdk/group/face.ts';
import { Ice } from '../../src/sdk/ice.ts';
import { join, Joining, recoverWithKey } from '../../src/sdk/join.ts';
import { Linking } from '../../src/sdk/link.ts';
import { Push } from '../../src/sdk/push.ts';
import { Cast, found, until, within } from './suite/cast.ts';
import { deploy, type Deployment } from './suite/server.ts';

/** Lets so many requests through; those behind it never return, until they are given up. */
class Gate {
  left = Infinity;
  /** Paths of requests that hang. */
  readonly hanging: string[] = [];
  /** Paths of requests that hung and were given up. */
  readonly given: string[] = [];
  only: (path: string) => boolean = () => true;
  #hung = Promise.withResolvers<'hung'>();

  get hung(): Promise<'hung'> {
    return this.#hung.promise;
  }

  open(left = Infinity): void {
    this.left = left;
    this.hanging.length = 0;
    this.#hung = Promise.withResolvers();
  }

  readonly through = ({ fetch }: ClientConfig): Partial<ClientConfig> => ({
    fetch: (url, init) => {
      const { pathname } = new URL(url);
      if (!this.only(pathname) || this.left-- > 0) return fetch(url, init);
      this.hanging.push(pathname);
      this.#hung.resolve('hung');
      return new Promise((_, reject) => {
        const give = () => {
          this.given.push(pathname);
          reject(init.signal?.reason as Error);
        };
        if (init.signal?.aborted) give();
        init.signal?.addEventListener('abort', give);
      });
    },
  });
}

interface Stage {
  readonly client: CallsignClient;
  readonly config: ClientConfig;
  readonly fresh: () => Promise<ClientConfig>;
  readonly peer: Peer;
  readonly handle: string;
  /** Accounts of their own: one may start ten links at once. */
  readonly linkers: readonly CallsignClient[];
  readonly invitation: () => Promise<string>;
  readonly recovery: { readonly of: string; readonly text: string };
}

let deployed: Deployment;
let cast: Cast;
let stage: Stage;
const gate = new Gate();

beforeAll(async () => {
  deployed = await deploy();
  const { server, deployment, root } = deployed;
  const own = { crypto: () => webCrypto(), store: async () => memoryStore() };
  cast = new Cast({ origin: server.url, deployment, root, ...own });
  const bob = await cast.person();
  const config = await cast.config(gate.through);
  const device = await cast.device({ config });
  const { client } = device;
  const handle = `abort-${Date.now().toString(36)}@example.com`;
  await client.addHandle(handle, () => cast.code(handle));
  const linker = async () => (await cast.device({ config: await cast.config(gate.through), keys: false })).client;
  const key = await newRecoveryKey(webCrypto());
  const lost = await cast.config();
  const recovery = { policy: 'never', delayHours: 24, key } as const;
  const { identity } = await enroll(lost, developmentAttester(lost.crypto), { recovery });
  stage = {
    client,
    config,
    fresh: () => cast.config(gate.through),
    peer: await found(device, bob.handle),
    handle,
    linkers: [await linker(), await linker(), await linker()],
    invitation: async () => (await (await cast.device({ keys: false })).client.link()).invitation,
    recovery: { of: identity.account, text: key.text },
  };
});

afterAll(async () => {
  cast?.close();
  await deployed?.server.stop();
});

type Operation = (on: Stage, signal: AbortSignal) => Promise<unknown>;
const code = async () => '000000';

const operations: Record<string, Operation> = {
  enroll: async ({ fresh }, signal) => {
    const config = await fresh();
    return enroll(config, developmentAttester(config.crypto), { signal });
  },
  recoverWithKey: async ({ fresh, recovery }, signal) => {
    const config = await fresh();
    return recoverWithKey(config, developmentAttester(config.crypto), recovery, signal);
  },
  join: async ({ fresh, invitation }, signal) => {
    const config = await fresh();
    return join(config, developmentAttester(config.crypto), await invitation(), undefined, signal);
  },
  'CallsignClient.connect': ({ client }, signal) => client.connect(signal).finally(() => client.networkChanged()),
  'CallsignClient.wake': ({ client }, signal) => client.wake(null, signal),
  'CallsignClient.iceServers': ({ client }, signal) => client.iceServers(undefined, signal),
  'CallsignClient.renew': ({ client }, signal) => client.renew({ signal }),
  'CallsignClient.publishKeys': ({ client }, signal) => client.publishKeys(signal),
  'CallsignClient.addHandle': ({ client }, signal) => client.addHandle('new@example.com', code, signal),
  'CallsignClient.addExternalHandle': ({ client }, signal) => client.addExternalHandle('issuer', code, signal),
  'CallsignClient.handles': ({ client }, signal) => client.handles(signal),
  'CallsignClient.hideHandle': ({ client, handle }, signal) => client.hideHandle(handle, true, signal),
  'CallsignClient.releaseHandle': ({ client }, signal) => client.releaseHandle('nobodys@example.com', null, signal),
  'CallsignClient.link': ({ client }, signal) => client.link(undefined, signal),
  'CallsignClient.sponsor': ({ client }, signal) => client.sponsor(signal),
  'CallsignClient.refreshOwnChain': ({ client }, signal) => client.refreshOwnChain(signal),
  'CallsignClient.revokeDevice': ({ client }, signal) => client.revokeDevice('a'.repeat(26), 'lost', signal),
  'CallsignClient.find': ({ client, peer }, signal) => client.find(peer.handle.slice(6), { claim: true, signal }),
  'CallsignClient.history': ({ client }, signal) => client.history({ signal }),
  'CallsignClient.deleteHistory': ({ client }, signal) => client.deleteHistory(['a'.repeat(32)], signal),
  'CallsignClient.policy': ({ client }, signal) => client.policy(signal),
  'CallsignClient.setPolicy': async ({ client }, signal) => {
    const policy = { blocked: [], quietUntil: null, contactsOnly: false, contacts: [] };
    return client.setPolicy(policy, signal);
  },
  'CallsignClient.block': ({ client, peer }, signal) => client.block(peer.account, signal),
  'CallsignClient.unblock': ({ client, peer }, signal) => client.unblock(peer.account, signal),
  'OwnAccount.removeDevice': ({ client }, signal) => client.own.removeDevice('a'.repeat(26), signal),
  'OwnAccount.setRecovery': ({ client }, signal) =>
    client.own.setRecovery({ policy: 'delay', delayHours: 48, handles: [] }, signal),
  'OwnAccount.recoverHandles': ({ client, handle }, signal) => client.own.recoverHandles([{ handle, code }], signal),
  'OwnAccount.recoveryOf': ({ client }, signal) => client.own.recoveryOf(['x@example.com'], signal),
  'OwnAccount.recoveries': ({ client }, signal) => client.own.recoveries(signal),
  'OwnAccount.veto': ({ client }, signal) => client.own.veto('A'.repeat(22), signal),
  'OwnAccount.export': ({ client }, signal) => client.own.export(signal),
  'OwnAccount.refresh': ({ client }, signal) => client.own.refresh(signal),
  'Push.settings': ({ client }, signal) => client.push.settings(signal),
  'Push.subscribe': ({ client }, signal) => client.push.subscribe({ kind: 'fcm', token: 'f'.repeat(20) }, signal),
  'Push.rotateToken': ({ client }, signal) => client.push.rotateToken(signal),
  'Push.unsubscribe': ({ client }, signal) => client.push.unsubscribe(signal),
  'Push.test': ({ client }, signal) => client.push.test(signal),
  'Contacts.scan': async ({ client, peer }, signal) => {
    const { qr } = await client.contacts.safetyNumber(peer);
    // As the peer shows it: its own side first.
    return client.contacts.scan(peer, new Uint8Array([qr[0]!, ...qr.slice(73), ...qr.slice(1, 73)]), signal);
  },
  'Directory.find': ({ client, peer }, signal) => client.directory.find(peer.handle.slice(6), { signal }),
  'Directory.chainOf': ({ client, peer }, signal) => client.directory.chainOf(peer.account, 99, signal),
  'Ice.servers': ({ client }, signal) => client.ice.servers('b'.repeat(32), signal),
  'Linking.code': async ({ linkers: [client] }, signal) => (await client!.link(undefined, signal)).code(),
  'Linking.confirm': async ({ linkers: [, client] }, signal) => (await client!.link(undefined, signal)).confirm(),
  'Linking.refuse': async ({ linkers: [, , client] }, signal) => (await client!.link(undefined, signal)).refuse(),
  'Joining.code': async ({ fresh, invitation }, signal) => {
    const config = await fresh();
    const attester = developmentAttester(config.crypto);
    return (await join(config, attester, await invitation(), undefined, signal)).code();
  },
  'Joining.confirm': async ({ fresh, invitation }, signal) => {
    const config = await fresh();
    const attester = developmentAttester(config.crypto);
    return (await join(config, attester, await invitation(), undefined, signal)).confirm();
  },
  'Joining.refuse': async ({ fresh, invitation }, signal) => {
    const config = await fresh();
    const attester = developmentAttester(config.crypto);
    return (await join(config, attester, await invitation(), undefined, signal)).refuse();
  },
  // The last one: the account is over then.
  'OwnAccount.close': ({ client }, signal) => client.own.close(signal),
};

/** So many of its requests are tried: a poll goes on for ever. */
const REQUESTS = 5;

it.each(Object.entries(operations))('%s', async (_, operation) => {
  let hung = 0;
  for (let answered = 0; answered < REQUESTS; answered++) {
    gate.open(answered);
    const over = new AbortController();
    const done = operation(stage, over.signal).then(
      () => 'done' as const,
      (error: unknown) => error,
    );
    const first = await within(Promise.race([done, gate.hung]), 'an outcome or a request that hangs');
    if (first !== 'hung') break;
    hung += 1;
    over.abort();
    const error = await within(done, `given up at ${gate.hanging.join()}`);
    // It was through: what hung is asked behind it.
    if (error === 'done') break;
    expect(error).toBeInstanceOf(CallsignError);
    expect(error).toMatchObject({ code: 'aborted', reason: 'aborted' });
  }
  gate.open();
  expect(hung).toBeGreaterThan(0);
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
    await until(() => tickets.given.length === 1, 'given up');
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
