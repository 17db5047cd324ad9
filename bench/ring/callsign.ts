import { randomBytes } from 'node:crypto';
import * as v from 'valibot';
import { configFor, type Deployment } from '../../demo/people.ts';
import { type HostName, startServer } from '../../demo/server.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import { hello } from '../../src/identity/proof.ts';
import { LookupReply, NonceReply } from '../../src/protocol/api.ts';
import type { CallFrame, Invite, Reply } from '../../src/protocol/call.ts';
import { COURIER_PROTOCOL, type ServerFrame } from '../../src/protocol/courier.ts';
import { CallsignClient, type ClientConfig, developmentAttester, enroll, type Sponsor } from '../../src/sdk/index.ts';
import { publishBundle } from '../../src/sdk/prekeys.ts';
import { Awaited, BODY, CALLEES, type Ringer } from './ringer.ts';
import { TextSocket } from './websocket.ts';

/** One device may invite one account five times at once and ten times a minute: there are so many that nobody meets the limit. */
const CALLERS = 24;
const HANDLES_AT_ONCE = 8;

interface Enrolled {
  readonly config: ClientConfig;
  readonly client: CallsignClient;
}

interface Target {
  readonly account: string;
  readonly set: number;
  readonly devices: readonly { readonly device: string; readonly capability: string }[];
}

/** A device's courier: what is delivered is acknowledged, and told. */
class Phone {
  readonly #socket: TextSocket;
  #requests = 0;
  onFrame: (frame: CallFrame) => void = () => undefined;
  onRefused: (reply: Reply) => void = () => undefined;

  private constructor(socket: TextSocket) {
    this.#socket = socket;
  }

  static async connect({ client, config }: Enrolled, url: string): Promise<Phone> {
    const { identity } = client;
    const { nonce } = await client.api.ask(NonceReply, { method: 'GET', path: '/v1/courier/nonce' });
    const draft = hello(identity.chain, {
      nonce,
      deployment: config.deployment,
      device: identity.device,
      pushTokenHash: base64url(await config.crypto.sha256(identity.pushToken)),
      box: null,
      lastSeq: 0,
      iat: Date.now(),
    });
    const jws = draft.seal(await identity.key.sign(draft.input));
    const socket = await TextSocket.open(`${url}/v1/courier`, [COURIER_PROTOCOL, jws]);
    const phone = new Phone(socket);
    await new Promise<void>((online, lost) => {
      socket.listen(
        (text) => phone.#heard(JSON.parse(text) as ServerFrame, online),
        (code) => lost(new Error(`the courier was closed with ${code}`)),
      );
    });
    return phone;
  }

  say(verb: object): void {
    this.#socket.send(JSON.stringify({ type: 'call', request: `r${++this.#requests}`, verb }));
  }

  close(): void {
    this.#socket.close();
  }

  #heard(frame: ServerFrame, online: () => void): void {
    if (frame.type === 'drained') online();
    if (frame.type === 'reply' && !(frame.reply as Reply).ok) this.onRefused(frame.reply as Reply);
    if (frame.type !== 'deliver') return;
    if (frame.topic === 'call') this.onFrame(frame.body as CallFrame);
    this.#socket.send(JSON.stringify({ type: 'ack', upTo: frame.seq }));
  }
}

const attester = (config: ClientConfig) => developmentAttester(config.crypto);

async function newDevice(url: string, deployment: Deployment, sponsor?: Sponsor): Promise<Enrolled> {
  const config = configFor(url, deployment);
  const { identity, head } = await enroll(config, attester(config), sponsor ? { sponsor } : {});
  const client = new CallsignClient(config, identity);
  await publishBundle(client.api, head.version);
  return { config, client };
}

async function callee(url: string, deployment: Deployment, handle: string, devices: number): Promise<Enrolled[]> {
  const first = await newDevice(url, deployment);
  const all = [first];
  while (all.length < devices) all.push(await newDevice(url, deployment, await first.client.sponsor()));
  await first.client.refreshOwnChain();
  await first.client.addHandle(handle, async () => {
    const told = await fetch(`${url}/v1/development/inbox?handle=${encodeURIComponent(`mail1:${handle}`)}`);
    return ((await told.json()) as { code: string }).code;
  });
  return all;
}

/** Everybody knows everybody: strangers that nobody answers would soon ring nowhere. */
async function befriend(owner: Enrolled, callers: readonly Enrolled[]): Promise<void> {
  const contacts = callers.map(({ client }) => client.identity.account);
  const body = { blocked: [], quietUntil: null, contactsOnly: false, contacts };
  await owner.client.api.ask(v.unknown(), { method: 'PUT', path: '/v1/policy', body });
}

async function targets({ client }: Enrolled, handles: readonly string[]): Promise<Target[]> {
  const found: Target[] = [];
  for (let at = 0; at < handles.length; at += HANDLES_AT_ONCE) {
    const body = { handles: handles.slice(at, at + HANDLES_AT_ONCE), claim: false, known: {} };
    const { results } = await client.api.ask(LookupReply, { method: 'POST', path: '/v1/lookups', body });
    for (const one of results) if (one.found) found.push({ account: one.account, set: one.set, devices: one.devices });
  }
  return found;
}

/** The whole way of an invitation: authenticated courier, Call, the callee's policy, pair lock, durable mailboxes, couriers. */
export async function callsign(host: HostName, name: string = host): Promise<Ringer> {
  const server = await startServer(host, await makeDevelopmentSecrets(Date.now()), {});
  const deployment = (await (await fetch(`${server.url}/v1/deployment`)).json()) as Deployment;
  const line = server.log.find((text) => text.includes('"direct"'));
  const courier = line === undefined ? server.url : (JSON.parse(line) as { direct: string }).direct;
  const awaited = new Awaited();
  const phones: Phone[] = [];
  const callers: Enrolled[] = [];
  while (callers.length < CALLERS) callers.push(await newDevice(server.url, deployment));
  const handles = new Map<number, string[]>();
  for (const [devices, callees] of Object.entries(CALLEES))
    for (let n = 0; n < callees; n++) {
      const handle = `callee${devices}-${n}@example.com`;
      const all = await callee(server.url, deployment, handle, Number(devices));
      await befriend(all[0]!, callers);
      for (const one of all) {
        const phone = await Phone.connect(one, courier);
        phone.onFrame = (frame) => {
          if (frame.type === 'invite') awaited.came(frame.call);
        };
        phones.push(phone);
      }
      handles.set(Number(devices), [...(handles.get(Number(devices)) ?? []), handle]);
    }
  const lines: { phone: Phone; devices: number; target: Target }[] = [];
  const talking: Phone[] = [];
  for (const one of callers) {
    const phone = await Phone.connect(one, courier);
    phone.onRefused = (reply) => {
      throw new Error(`an invitation was refused: ${JSON.stringify(reply)}`);
    };
    talking.push(phone);
    for (const [devices, known] of handles)
      for (const target of await targets(one, known)) lines.push({ phone, devices, target });
  }
  const turns = new Map<number, number>();
  return {
    name,
    async ring(devices) {
      const own = lines.filter((one) => one.devices === devices);
      const turn = turns.get(devices) ?? 0;
      turns.set(devices, turn + 1);
      const { phone, target } = own[turn % own.length]!;
      const call = randomBytes(16).toString('hex');
      const came = awaited.expect(call, devices);
      phone.say({
        verb: 'invite',
        call,
        attempt: 0,
        to: target.account,
        media: ['audio'],
        set: target.set,
        legs: target.devices.map(({ device, capability }) => ({
          device,
          capability,
          message: randomBytes(16).toString('hex'),
          body: BODY,
        })),
      } satisfies Invite);
      await came;
      phone.say({ verb: 'cancel', call, attempt: 0 });
    },
    async stop() {
      for (const phone of [...phones, ...talking]) phone.close();
      await server.stop();
    },
  };
}
