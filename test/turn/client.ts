/** As much of a TURN client (RFC 8489, RFC 8656) as shows whether a server takes credentials. Nothing of src is used here. */
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { PATIENCE_MS } from '../support/patience.ts';

const COOKIE = 0x2112a442;
const METHOD = { allocate: 0x003, refresh: 0x004 } as const;
const CLASS = { request: 0x000, success: 0x100, error: 0x110 } as const;
const ATTRIBUTE = {
  username: 0x0006,
  integrity: 0x0008,
  errorCode: 0x0009,
  lifetime: 0x000d,
  realm: 0x0014,
  nonce: 0x0015,
  relayed: 0x0016,
  transport: 0x0019,
} as const;
const UDP = Buffer.of(17, 0, 0, 0);

export interface Allocated {
  /** 0 for success, else the error code of STUN: 401 for credentials that do not hold. */
  readonly code: number;
  /** Where the server relays from. */
  readonly relayed: string | null;
  /** Of the allocation, s. */
  readonly lifetime: number | null;
}

interface Transport {
  exchange(request: Buffer): Promise<Buffer>;
  close(): void;
}

/** One Allocate with long-term credentials (RFC 8489 §9.2), and its release when it succeeded. */
export async function allocate(
  server: { readonly host: string; readonly port: number; readonly transport: 'udp' | 'tcp' },
  credentials: { readonly username: string; readonly credential: string },
): Promise<Allocated> {
  const transport = server.transport === 'udp' ? await overUdp(server) : await overTcp(server);
  try {
    const challenge = read(await transport.exchange(message(METHOD.allocate, [[ATTRIBUTE.transport, UDP]])));
    const realm = challenge.get(ATTRIBUTE.realm);
    const nonce = challenge.get(ATTRIBUTE.nonce);
    if (challenge.code !== 401 || !realm || !nonce) throw new Error(`no challenge: ${challenge.code}`);
    const proved = (method: number, attributes: readonly [number, Buffer][]) =>
      signed(method, attributes, { ...credentials, realm, nonce });
    const answer = read(await transport.exchange(proved(METHOD.allocate, [[ATTRIBUTE.transport, UDP]])));
    if (answer.code === 0) await transport.exchange(proved(METHOD.refresh, [[ATTRIBUTE.lifetime, Buffer.alloc(4)]]));
    return {
      code: answer.code,
      relayed: address(answer.get(ATTRIBUTE.relayed)),
      lifetime: answer.get(ATTRIBUTE.lifetime)?.readUInt32BE(0) ?? null,
    };
  } finally {
    transport.close();
  }
}

function message(method: number, attributes: readonly [number, Buffer][], more = 0): Buffer {
  const body = Buffer.concat(attributes.map(([type, value]) => attribute(type, value)));
  const head = Buffer.alloc(20);
  head.writeUInt16BE(method | CLASS.request, 0);
  head.writeUInt16BE(body.length + more, 2);
  head.writeUInt32BE(COOKIE, 4);
  randomBytes(12).copy(head, 8);
  return Buffer.concat([head, body]);
}

function attribute(type: number, value: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16BE(type, 0);
  head.writeUInt16BE(value.length, 2);
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)]);
}

/** MESSAGE-INTEGRITY (RFC 8489 §14.5) under the key of §9.2.2: MD5(username ":" realm ":" password). */
function signed(
  method: number,
  attributes: readonly [number, Buffer][],
  { username, credential, realm, nonce }: { username: string; credential: string; realm: Buffer; nonce: Buffer },
): Buffer {
  const named: [number, Buffer][] = [
    ...attributes,
    [ATTRIBUTE.username, Buffer.from(username)],
    [ATTRIBUTE.realm, realm],
    [ATTRIBUTE.nonce, nonce],
  ];
  const draft = message(method, named, 24);
  const key = createHash('md5').update(`${username}:${realm.toString()}:${credential}`).digest();
  const mac = createHmac('sha1', key).update(draft).digest();
  return Buffer.concat([draft, attribute(ATTRIBUTE.integrity, mac)]);
}

function read(bytes: Buffer): { code: number; get(type: number): Buffer | undefined } {
  const attributes = new Map<number, Buffer>();
  for (let at = 20; at + 4 <= bytes.length;) {
    const [type, length] = [bytes.readUInt16BE(at), bytes.readUInt16BE(at + 2)];
    attributes.set(type, bytes.subarray(at + 4, at + 4 + length));
    at += 4 + Math.ceil(length / 4) * 4;
  }
  const error = attributes.get(ATTRIBUTE.errorCode);
  const failed = (bytes.readUInt16BE(0) & CLASS.error) === CLASS.error;
  return { code: failed && error ? error[2]! * 100 + error[3]! : 0, get: (type) => attributes.get(type) };
}

/** XOR-RELAYED-ADDRESS of IPv4 (RFC 8489 §14.2). */
function address(value: Buffer | undefined): string | null {
  if (!value || value[1] !== 1) return null;
  const octets = [...value.subarray(4, 8)].map((byte, i) => byte ^ ((COOKIE >>> (24 - 8 * i)) & 0xff));
  return `${octets.join('.')}:${value.readUInt16BE(2) ^ (COOKIE >>> 16)}`;
}

function late(reject: (error: Error) => void): ReturnType<typeof setTimeout> {
  return setTimeout(() => reject(new Error('the TURN server does not answer')), PATIENCE_MS);
}

async function overUdp({ host, port }: { host: string; port: number }): Promise<Transport> {
  const socket = createSocket('udp4');
  return {
    exchange: (request) =>
      new Promise((resolve, reject) => {
        const timer = late(reject);
        // RFC 8489 §6.2.1: a datagram may be lost.
        const again = setInterval(() => socket.send(request, port, host), 500);
        socket.once('message', (answer) => {
          clearTimeout(timer);
          clearInterval(again);
          resolve(answer);
        });
        socket.send(request, port, host);
      }),
    close: () => socket.close(),
  };
}

async function overTcp({ host, port }: { host: string; port: number }): Promise<Transport> {
  const socket = connect(port, host);
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  let kept = Buffer.alloc(0);
  return {
    exchange: (request) =>
      new Promise((resolve, reject) => {
        const timer = late(reject);
        const hear = (more: Buffer) => {
          kept = Buffer.concat([kept, more]);
          const length = kept.length >= 20 ? 20 + kept.readUInt16BE(2) : Number.POSITIVE_INFINITY;
          if (kept.length < length) return;
          clearTimeout(timer);
          socket.off('data', hear);
          const answer = kept.subarray(0, length);
          kept = kept.subarray(length);
          resolve(answer);
        };
        socket.on('data', hear);
        socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}
