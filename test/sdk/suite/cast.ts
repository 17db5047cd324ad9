/** Devices of the suite: everything here runs in Node, in Deno and in a page. */
import { fromBase64url } from '../../../src/bytes/base64url.ts';
import type { HistoryRow } from '../../../src/protocol/history.ts';
import {
  type Call,
  CallsignClient,
  type ClientConfig,
  type ClientEvents,
  type CryptoProvider,
  defaultConfig,
  developmentAttester,
  enroll,
  type KeyStore,
  type Peer,
  type Sponsor,
} from '../../../src/sdk/index.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
import { groupCalls } from '../../../src/sdk/group/index.ts';

/** What a runner brings. */
export interface Ground {
  readonly origin: string;
  readonly deployment: string;
  /** base64url */
  readonly root: string;
  crypto(): CryptoProvider;
  store(): Promise<KeyStore>;
}

export function claim(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(`does not hold: ${what}`);
}

export function same(found: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a}, expected ${b}`);
}

export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`late: ${what}`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; Date.now() < end;) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`late: ${what}`);
}

export class Device {
  readonly client: CallsignClient;
  readonly config: ClientConfig;
  readonly store: KeyStore;
  readonly rings: Call[] = [];
  readonly rows: HistoryRow[] = [];
  readonly deleted: string[] = [];
  readonly suspicions: string[] = [];
  onlineTimes = 0;

  constructor(config: ClientConfig, identity: ConstructorParameters<typeof CallsignClient>[1]) {
    this.config = config;
    this.store = config.store;
    const events: ClientEvents = {
      incoming: (call) => this.rings.push(call),
      online: () => (this.onlineTimes += 1),
      history: (row) => this.rows.push(row),
      historyDeleted: (calls) => this.deleted.push(...calls),
      suspicious: (about, reason) => this.suspicions.push(`${about}: ${reason}`),
    };
    this.client = new CallsignClient(config, identity, events, { groups: groupCalls() });
  }

  get account(): string {
    return this.client.identity.account;
  }

  async online(): Promise<this> {
    await this.client.connect();
    await until(() => this.onlineTimes > 0, 'online');
    return this;
  }

  async ring(): Promise<Call> {
    await until(() => this.rings.some(({ phase }) => phase !== 'ended'), 'a ring');
    return this.rings.find(({ phase }) => phase !== 'ended')!;
  }
}

let count = 0;

/** One test's devices, on a deployment that others use as well. */
export class Cast {
  readonly ground: Ground;
  readonly #devices: Device[] = [];

  constructor(ground: Ground) {
    this.ground = ground;
  }

  async config(change: (config: ClientConfig) => Partial<ClientConfig> = () => ({})): Promise<ClientConfig> {
    const { deployment, origin, root } = this.ground;
    const roots = [fromBase64url(root)!];
    const config = defaultConfig({
      deployment,
      origin,
      roots,
      crypto: this.ground.crypto(),
      store: await this.ground.store(),
    });
    return { ...config, ...change(config) };
  }

  /** Enrolled, with published keys unless not wanted, not connected. */
  async device(options: { sponsor?: Sponsor; config?: ClientConfig; keys?: boolean } = {}): Promise<Device> {
    const { sponsor, keys = true, config = await this.config() } = options;
    const attester = developmentAttester(config.crypto, { exportable: config.store.bytesOnly === true });
    const { identity } = await enroll(config, attester, sponsor ? { sponsor } : {});
    const device = new Device(config, identity);
    this.#devices.push(device);
    if (keys) await device.client.publishKeys();
    return device;
  }

  /** An account's first device, with a handle of its own, connected. */
  async person(options: { config?: ClientConfig } = {}): Promise<{ device: Device; handle: string }> {
    const device = await this.device(options);
    const handle = `person-${Date.now().toString(36)}-${++count}@example.com`;
    await device.client.addHandle(handle, () => this.code(handle));
    await device.online();
    return { device, handle };
  }

  async code(handle: string): Promise<string> {
    const { origin } = this.ground;
    const sent = await fetch(`${origin}/v1/development/inbox?handle=${encodeURIComponent(`mail1:${handle}`)}`);
    return ((await sent.json()) as { code: string }).code;
  }

  async another(device: Device): Promise<Device> {
    const added = await this.device({ sponsor: await device.client.sponsor() });
    await device.client.refreshOwnChain();
    return added.online();
  }

  close(): void {
    for (const { client } of this.#devices) client.close();
  }
}

export async function found(device: Device, handle: string): Promise<Peer> {
  const peer = await device.client.find(handle, { claim: true });
  claim(peer !== null, `${handle} is found`);
  return peer;
}

/** Two people in a call with confirmed keys. */
export async function talking(
  cast: Cast,
): Promise<{ alice: Device; bob: Device; outgoing: Call; incoming: Call; handle: string }> {
  const { device: alice } = await cast.person();
  const { device: bob, handle } = await cast.person();
  const outgoing = alice.client.call(await found(alice, handle));
  const incoming = await bob.ring();
  incoming.accept();
  await within(Promise.all([outgoing.reaches('active'), incoming.reaches('active')]), 'both active');
  return { alice, bob, outgoing, incoming, handle };
}
