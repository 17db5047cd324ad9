import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../demo/free-port.ts';
import { end, serve } from './process.ts';
import { Awaited, BODY, CALLEES, type Ringer } from './ringer.ts';

interface Message {
  readonly subject: string;
  readonly reply: string;
  readonly body: string;
}

/** As much of the NATS client protocol as JetStream needs. */
class Nats {
  readonly #socket: Socket;
  readonly #subscribed = new Map<string, (message: Message) => void>();
  readonly #replies = new Map<string, (body: string) => void>();
  #bytes: Buffer = Buffer.alloc(0);
  #numbers = 0;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (bytes) => this.#read(bytes as Buffer));
    this.#socket.write('CONNECT {"verbose":false,"pedantic":false}\r\n');
    this.subscribe('_INBOX.>', ({ subject, body }) => {
      this.#replies.get(subject)?.(body);
      this.#replies.delete(subject);
    });
  }

  subscribe(subject: string, heard: (message: Message) => void): void {
    const id = String(++this.#numbers);
    this.#subscribed.set(id, heard);
    this.#socket.write(`SUB ${subject} ${id}\r\n`);
  }

  publish(subject: string, body: string, reply = ''): void {
    this.#socket.write(`PUB ${subject} ${reply === '' ? '' : `${reply} `}${Buffer.byteLength(body)}\r\n${body}\r\n`);
  }

  ask(subject: string, body: string): Promise<string> {
    const reply = `_INBOX.${++this.#numbers}`;
    const answered = new Promise<string>((resolve) => this.#replies.set(reply, resolve));
    this.publish(subject, body, reply);
    return answered;
  }

  async api(subject: string, body: object): Promise<void> {
    const { error } = JSON.parse(await this.ask(`$JS.API.${subject}`, JSON.stringify(body))) as { error?: object };
    if (error) throw new Error(`${subject}: ${JSON.stringify(error)}`);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    for (;;) {
      const line = this.#bytes.indexOf('\r\n');
      if (line < 0) return;
      const head = this.#bytes.subarray(0, line).toString().split(' ');
      if (head[0] !== 'MSG') {
        this.#bytes = this.#bytes.subarray(line + 2);
        if (head[0] === 'PING') this.#socket.write('PONG\r\n');
        continue;
      }
      const length = Number(head.at(-1));
      if (this.#bytes.length < line + 2 + length + 2) return;
      const body = this.#bytes.subarray(line + 2, line + 2 + length).toString();
      this.#bytes = this.#bytes.subarray(line + 2 + length + 2);
      this.#subscribed.get(head[2] ?? '')?.({ subject: head[1] ?? '', reply: head.length === 5 ? head[3]! : '', body });
    }
  }
}

/** JetStream, file storage: a stream for all devices, a durable consumer with explicit acknowledgement for each. */
export async function nats(): Promise<Ringer> {
  const folder = mkdtempSync(join(tmpdir(), 'callsign-nats-'));
  const port = await freePort();
  const server = await serve('nats-server', ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', folder], port);
  const caller = new Nats(port);
  const clients = [caller];
  await caller.api('STREAM.CREATE.box', { name: 'box', subjects: ['box.>'], storage: 'file', max_age: 60_000_000_000 });
  const awaited = new Awaited();
  for (const [devices, callees] of Object.entries(CALLEES))
    for (let callee = 0; callee < callees; callee++)
      for (let device = 0; device < Number(devices); device++) {
        const [name, client] = [`${devices}-${callee}-${device}`, new Nats(port)];
        client.subscribe(`to.${name}`, ({ reply, body }) => {
          awaited.came(body.slice(0, body.indexOf(' ')));
          client.publish(reply, '+ACK');
        });
        await client.api(`CONSUMER.DURABLE.CREATE.box.d${name}`, {
          stream_name: 'box',
          config: {
            durable_name: `d${name}`,
            deliver_subject: `to.${name}`,
            filter_subject: `box.${name}`,
            ack_policy: 'explicit',
            deliver_policy: 'all',
            max_ack_pending: 100_000,
          },
        });
        clients.push(client);
      }
  let rings = 0;
  return {
    name: 'nats',
    ring(devices) {
      const id = `r${rings++}`;
      const came = awaited.expect(id, devices);
      for (let device = 0; device < devices; device++)
        void caller.ask(`box.${devices}-${rings % CALLEES[devices]!}-${device}`, `${id} ${BODY}`);
      return came;
    },
    async stop() {
      for (const client of clients) client.close();
      await end(server);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
