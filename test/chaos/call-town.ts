import * as v from 'valibot';
import { configFor, type Deployment, PATIENCE_MS, within } from '../../demo/people.ts';
import type { Server } from '../../demo/server.ts';
import type { HistoryRow } from '../../src/protocol/history.ts';
import {
  type Call,
  CallsignClient,
  CallsignError,
  type ClientConfig,
  developmentAttester,
  enroll,
  type Sponsor,
} from '../../src/sdk/index.ts';
import { roughFetch, RoughSocket, type Sky } from './rough.ts';

export interface Ring {
  readonly call: Call;
  readonly at: number;
}

/** One device on the SDK, and everything its application saw. */
export class Phone {
  readonly name: string;
  readonly client: CallsignClient;
  readonly rings: Ring[] = [];
  readonly history: { readonly row: HistoryRow; readonly at: number }[] = [];
  readonly suspicions: string[] = [];
  /** Closing codes that the client takes for final. */
  readonly closed: number[] = [];
  /** What its user does about a call that alerts. */
  onRing: (phone: Phone, call: Call) => void = () => undefined;
  readonly #sockets: Set<RoughSocket>;

  constructor(name: string, config: ClientConfig, sockets: Set<RoughSocket>, identity: CallsignClient['identity']) {
    this.name = name;
    this.#sockets = sockets;
    this.client = new CallsignClient(config, identity, {
      incoming: (call) => {
        this.rings.push({ call, at: Date.now() });
        this.onRing(this, call);
      },
      history: (row) => this.history.push({ row, at: Date.now() }),
      suspicious: (about, reason) => this.suspicions.push(`${about}: ${reason}`),
      closed: (code) => this.closed.push(code),
    });
  }

  dropSockets(random: () => number): void {
    for (const socket of this.#sockets) socket.drop(random() * 1_500);
    this.#sockets.clear();
  }
}

export interface Callee {
  readonly handle: string;
  readonly phones: readonly Phone[];
}

export interface Town {
  readonly callers: readonly Phone[];
  readonly callees: readonly Callee[];
}

export async function makeTown(server: Server, lanes: number, devices: number, sky: Sky): Promise<Town> {
  const deployment = (await (await fetch(`${server.url}/v1/deployment`)).json()) as Deployment;
  const callers: Phone[] = [];
  const callees: Callee[] = [];
  for (let n = 0; n < lanes; n++) {
    callers.push(await makePhone(server, deployment, sky, `caller ${n}`));
    const first = await makePhone(server, deployment, sky, `callee ${n}.0`);
    const phones = [first];
    while (phones.length < devices)
      phones.push(
        await makePhone(server, deployment, sky, `callee ${n}.${phones.length}`, await first.client.sponsor()),
      );
    const handle = `callee${n}@example.com`;
    await first.client.refreshOwnChain();
    await first.client.addHandle(handle, () => codeFor(server, handle));
    for (const phone of phones) await phone.client.refreshOwnChain();
    callees.push({ handle, phones });
  }
  const policy = {
    blocked: [],
    quietUntil: null,
    contactsOnly: false,
    contacts: callers.map(({ client }) => client.identity.account),
  };
  for (const { phones } of callees)
    await phones[0]?.client.api.ask(v.unknown(), { method: 'PUT', path: '/v1/policy', body: policy });
  for (const phone of [...callers, ...callees.flatMap(({ phones }) => phones)]) await phone.client.connect();
  return { callers, callees };
}

async function makePhone(
  server: Server,
  deployment: Deployment,
  sky: Sky,
  name: string,
  sponsor?: Sponsor,
): Promise<Phone> {
  const sockets = new Set<RoughSocket>();
  const calm = configFor(server.url, deployment);
  const config: ClientConfig = {
    ...calm,
    fetch: roughFetch(calm.fetch, sky),
    openSocket: (url, protocols) => {
      const socket = new RoughSocket(url, protocols, sky);
      sockets.add(socket);
      return socket;
    },
  };
  const identity = await enrolled(config, sponsor);
  const phone = new Phone(name, config, sockets, identity);
  await within(PATIENCE_MS, phone.client.publishKeys(), `${name} cannot publish its keys`);
  return phone;
}

/** Before anything is killed; a loaded machine's host answers 500 to one enrollment in some dozens. */
async function enrolled(config: ClientConfig, sponsor?: Sponsor): Promise<CallsignClient['identity']> {
  const once = () => enroll(config, developmentAttester(config.crypto), sponsor ? { sponsor } : {});
  try {
    return (await once()).identity;
  } catch (error) {
    if (!(error instanceof CallsignError) || (error.status ?? 0) < 500) throw error;
    return (await once()).identity;
  }
}

async function codeFor(server: Server, handle: string): Promise<string> {
  const response = await fetch(`${server.url}/v1/development/inbox?handle=${encodeURIComponent(`mail1:${handle}`)}`);
  return ((await response.json()) as { code: string }).code;
}
