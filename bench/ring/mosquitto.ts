import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../demo/free-port.ts';
import { end, serve } from './process.ts';
import { Awaited, BODY, CALLEES, type Ringer } from './ringer.ts';

const CONNECT = 0x10;
const PUBLISH_QOS1 = 0x32;
const PUBACK = 0x40;
const SUBSCRIBE = 0x82;

/** As much of MQTT 3.1.1 as QoS 1 both ways needs. */
class Mqtt {
  onPublish: (body: string) => void = () => undefined;
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);
  #id = 0;
  #acknowledged: (() => void) | null = null;
  readonly #inFlight = new Set<number>();

  constructor(port: number, name: string) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setNoDelay(true);
    this.#socket.on('data', (bytes) => this.#read(bytes as Buffer));
    this.#write(CONNECT, Buffer.concat([text('MQTT'), Buffer.from([4, 0, 0, 0]), text(name)]));
  }

  /** QoS 1, in a session that outlives the connection. */
  subscribe(topic: string): Promise<void> {
    this.#write(SUBSCRIBE, Buffer.concat([this.#next(), text(topic), Buffer.from([1])]));
    return new Promise((resolve) => {
      this.#acknowledged = resolve;
    });
  }

  publish(topic: string, body: string): void {
    this.#write(PUBLISH_QOS1, Buffer.concat([text(topic), this.#next(), Buffer.from(body)]));
    this.#inFlight.add(this.#id);
  }

  close(): void {
    this.#socket.destroy();
  }

  #next(): Buffer {
    this.#id = (this.#id % 65_535) + 1;
    return Buffer.from([this.#id >> 8, this.#id & 255]);
  }

  #write(kind: number, body: Buffer): void {
    const length: number[] = [];
    for (let left = body.length; length.length === 0 || left > 0; left >>= 7)
      length.push((left & 127) | (left > 127 ? 128 : 0));
    this.#socket.write(Buffer.concat([Buffer.from([kind, ...length]), body]));
  }

  #read(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    for (;;) {
      let [length, at] = [0, 1];
      for (let shift = 0; ; shift += 7) {
        const byte = this.#bytes[at++];
        if (byte === undefined) return;
        length |= (byte & 127) << shift;
        if (byte < 128) break;
      }
      if (this.#bytes.length < at + length) return;
      this.#packet(this.#bytes[0]!, this.#bytes.subarray(at, at + length));
      this.#bytes = this.#bytes.subarray(at + length);
    }
  }

  #packet(kind: number, body: Buffer): void {
    if (kind >> 4 === 9) this.#acknowledged?.();
    if (kind >> 4 === 4) this.#inFlight.delete(body.readUInt16BE(0));
    if (kind >> 4 !== 3) return;
    const start = 2 + body.readUInt16BE(0);
    this.onPublish(body.subarray(start + 2).toString());
    this.#write(PUBACK, body.subarray(start, start + 2));
  }
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

/** QoS 1 to persistent sessions; mosquitto keeps them in memory and writes its file now and then, without fsync. */
export async function mosquitto(): Promise<Ringer> {
  const folder = mkdtempSync(join(tmpdir(), 'callsign-mosquitto-'));
  const port = await freePort();
  const config = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'persistence true',
    `persistence_location ${folder}/`,
    'autosave_interval 1',
    'autosave_on_changes true',
    'max_queued_messages 100000',
    'max_inflight_messages 1000',
    'set_tcp_nodelay true',
    'user root',
  ];
  writeFileSync(join(folder, 'mosquitto.conf'), `${config.join('\n')}\n`);
  const server = await serve('mosquitto', ['-c', join(folder, 'mosquitto.conf')], port);
  const awaited = new Awaited();
  const clients: Mqtt[] = [];
  for (const [devices, callees] of Object.entries(CALLEES))
    for (let callee = 0; callee < callees; callee++)
      for (let device = 0; device < Number(devices); device++) {
        const client = new Mqtt(port, `d${devices}-${callee}-${device}`);
        client.onPublish = (body) => awaited.came(body.slice(0, body.indexOf(' ')));
        await client.subscribe(`${devices}/${callee}/${device}`);
        clients.push(client);
      }
  const caller = new Mqtt(port, 'caller');
  clients.push(caller);
  let rings = 0;
  return {
    name: 'mosquitto',
    ring(devices) {
      const id = `r${rings++}`;
      const came = awaited.expect(id, devices);
      for (let device = 0; device < devices; device++)
        caller.publish(`${devices}/${rings % CALLEES[devices]!}/${device}`, `${id} ${BODY}`);
      return came;
    },
    async stop() {
      for (const client of clients) client.close();
      await end(server);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
