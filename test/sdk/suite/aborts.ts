/**
 * Every network operation that the SDK exports, given up at each of its requests in turn: the real server answers so many, the next
 * one never returns. Runs in every runtime that the SDK is for.
 */
import {
  type CallsignClient,
  CallsignError,
  type ClientConfig,
  developmentAttester,
  enroll,
  newRecoveryKey,
  type Peer,
  webCrypto,
} from '../../../src/sdk/index.ts';
import { join, recoverWithKey } from '../../../src/sdk/join.ts';
import { type Cast, found, within } from './cast.ts';

/** Lets so many requests through; those behind it never return, until they are given up. */
export class Gate {
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

export interface Stage {
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

export async function prepare(cast: Cast, gate: Gate): Promise<Stage> {
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
  return {
    client,
    config,
    fresh: () => cast.config(gate.through),
    peer: await found(device, bob.handle),
    handle,
    linkers: [await linker(), await linker(), await linker()],
    invitation: async () => (await (await cast.device({ keys: false })).client.link()).invitation,
    recovery: { of: identity.account, text: key.text },
  };
}

export type Operation = (on: Stage, signal: AbortSignal) => Promise<unknown>;
const code = async () => '000000';

export const operations: Record<string, Operation> = {
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

/** What does not hold when this operation is given up; empty when all holds. */
export async function givenUp(operation: Operation, stage: Stage, gate: Gate): Promise<string[]> {
  const problems: string[] = [];
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
    const typed = error instanceof CallsignError && error.code === 'aborted' && error.reason === 'aborted';
    if (!typed) problems.push(`${gate.hanging.join()}: ${String(error)}`);
  }
  gate.open();
  return hung > 0 ? problems : [...problems, 'nothing was asked'];
}
