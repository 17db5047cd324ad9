import { configFor, type Deployment, within } from '../../demo/people.ts';
import { type HostName, type Server, startServer } from '../../demo/server.ts';
import { makeDevelopmentSecrets, type Secrets } from '../../src/hosts/secrets.ts';
import type { HistoryRow } from '../../src/protocol/history.ts';
import { type Call, CallsignClient, type ClientConfig, developmentAttester, enroll } from '../../src/sdk/index.ts';
import { PATIENCE_MS } from '../support/patience.ts';
import { RoughSocket, type Sky, skyOf } from '../chaos/rough.ts';

export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(held: () => boolean | Promise<boolean>, why: string, ms = PATIENCE_MS): Promise<void> {
  for (const deadline = Date.now() + ms; !(await held()); await sleep(50))
    if (Date.now() > deadline) throw new Error(`never: ${why}`);
}

/** One device on the real SDK and the real server, and everything its application saw. */
export class Phone {
  readonly name: string;
  readonly client: CallsignClient;
  /** Calls that alerted here, in order. */
  readonly rings: Call[] = [];
  readonly history: HistoryRow[] = [];
  readonly closed: number[] = [];
  /** Calls of this device in which media may flow or flowed. */
  readonly talked = new Set<string>();
  online = false;
  /** What its user does about a call that alerts. */
  onRing: (call: Call) => void = () => undefined;
  /** Text frames as they came and went, and how many bytes of datagrams. */
  readonly heard: string[];
  readonly said: string[];
  readonly #sockets: Set<RoughSocket>;

  constructor(
    name: string,
    config: ClientConfig,
    identity: CallsignClient['identity'],
    sockets: Set<RoughSocket>,
    { heard, said }: Pick<Phone, 'heard' | 'said'>,
  ) {
    this.name = name;
    this.heard = heard;
    this.said = said;
    this.#sockets = sockets;
    this.client = new CallsignClient(config, identity, {
      incoming: (call) => {
        this.rings.push(call);
        this.watch(call);
        this.onRing(call);
      },
      online: () => {
        this.online = true;
      },
      offline: () => {
        this.online = false;
      },
      history: (row) => this.history.push(row),
      closed: (code) => this.closed.push(code),
    });
  }

  watch(call: Call): Call {
    call.on('media', () => this.talked.add(call.id));
    call.on('continued', ({ call: next }) => this.watch(next));
    return call;
  }

  async connect(): Promise<this> {
    await this.client.connect();
    await until(() => this.online, `${this.name} is online`);
    return this;
  }

  /** The network is gone, and comes back when the client says so. */
  drop(): void {
    for (const socket of this.#sockets) socket.drop(0);
    this.#sockets.clear();
  }

  /** What rings here now. */
  get ringing(): Call[] {
    return this.rings.filter(({ phase }) => phase === 'alerting');
  }

  ring(call: Call): Call | undefined {
    return this.rings.find(({ id }) => id === call.id);
  }

  async rung(call: Call): Promise<Call> {
    await until(() => this.ring(call) !== undefined, `${this.name} rings`);
    return this.ring(call)!;
  }
}

export interface Person {
  readonly handle: string;
  readonly phones: readonly Phone[];
}

/** A real server and the people who call each other on it. */
export class House {
  readonly server: Server;
  readonly #deployment: Deployment;
  readonly #sky: Sky = skyOf(Math.random);

  private constructor(server: Server, deployment: Deployment) {
    this.server = server;
    this.#deployment = deployment;
  }

  static async open(
    host: HostName,
    given: { secrets?: Secrets; settings?: Readonly<Record<string, string>>; entry?: string } = {},
  ): Promise<House> {
    const secrets = given.secrets ?? (await makeDevelopmentSecrets(Date.now()));
    const server = await startServer(host, secrets, given.settings ?? {}, given.entry);
    const deployment = (await (await fetch(`${server.url}/v1/deployment`)).json()) as Deployment;
    return new House(server, deployment);
  }

  /** Enrolled, findable, with keys published; nobody is connected yet. `way`: where its sockets go instead. */
  async person(name: string, devices: number, way = (url: string): string => url): Promise<Person> {
    const first = await this.#phone(`${name} 0`, way);
    const phones = [first];
    while (phones.length < devices) phones.push(await this.#phone(`${name} ${phones.length}`, way, first));
    const handle = `${name}@example.com`;
    await first.client.refreshOwnChain();
    await first.client.addHandle(handle, async () => {
      const told = await fetch(
        `${this.server.url}/v1/development/inbox?handle=${encodeURIComponent(`mail1:${handle}`)}`,
      );
      return ((await told.json()) as { code: string }).code;
    });
    for (const phone of phones) await phone.client.refreshOwnChain();
    return { handle, phones };
  }

  /** They know each other: nobody is a stranger. */
  async befriend(people: readonly Person[]): Promise<void> {
    const contacts = people.map(({ phones }) => phones[0]!.client.identity.account);
    for (const { phones } of people)
      await phones[0]!.client.setPolicy({ blocked: [], quietUntil: null, contactsOnly: false, contacts });
  }

  async #phone(name: string, way: (url: string) => string, sponsor?: Phone): Promise<Phone> {
    const sockets = new Set<RoughSocket>();
    const spied = { heard: [] as string[], said: [] as string[] };
    const config: ClientConfig = {
      ...configFor(this.server.url, this.#deployment),
      openSocket: (url, protocols) => {
        const socket = new RoughSocket(way(url), protocols, this.#sky);
        sockets.add(socket);
        socket.addEventListener('message', ({ data }: { data: unknown }) => spied.heard.push(textOf(data)));
        const send = socket.send.bind(socket);
        socket.send = (data) => {
          spied.said.push(textOf(data));
          send(data);
        };
        return socket;
      },
    };
    const joined = sponsor ? { sponsor: await sponsor.client.sponsor() } : {};
    const { identity } = await enroll(config, developmentAttester(config.crypto), joined);
    const phone = new Phone(name, config, identity, sockets, spied);
    await within(PATIENCE_MS, phone.client.publishKeys(), `${name} cannot publish its keys`);
    return phone;
  }

  stop(): Promise<void> {
    return this.server.stop();
  }
}

const textOf = (data: unknown): string => (typeof data === 'string' ? data : '(datagram)');

export async function place(caller: Phone, { handle }: Person): Promise<Call> {
  const peer = await caller.client.find(handle, { claim: true });
  if (!peer) throw new Error(`${handle} was not found`);
  return caller.watch(caller.client.call(peer));
}

/** Both sides may send media. */
export async function talking(caller: Phone, callee: Phone, call: Call): Promise<void> {
  await until(() => caller.talked.has(call.id) && callee.talked.has(call.id), 'both sides talk');
}

export async function ended(call: Call): Promise<string> {
  const { reason } = await within(PATIENCE_MS, call.next('ended'), 'the call ends');
  return reason;
}

/** The row of a call on a device, when it came. */
export async function rowOf(phone: Phone, call: Call): Promise<HistoryRow> {
  await until(() => phone.history.some((row) => row.call === call.id), `${phone.name} hears of the call's row`);
  return phone.history.find((row) => row.call === call.id)!;
}
