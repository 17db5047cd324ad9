import { request } from 'node:http';
import { PATIENCE_MS } from '../support/patience.ts';

/** What a server answers to an upgrade that browsers would not let a page write by hand. */
export interface Upgraded {
  readonly status: number;
  readonly headers: Headers;
  readonly response: Response;
}

const WHOLE = {
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** One upgrade request; `headers` over those of a whole one, null takes one away. Resolves with the refusal, or 101. */
export function askUpgrade(url: string, headers: Readonly<Record<string, string | null>>): Promise<Upgraded> {
  const whole = { ...WHOLE, ...headers };
  const sent = Object.fromEntries(Object.entries(whole).filter((pair): pair is [string, string] => pair[1] !== null));
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers: sent, timeout: PATIENCE_MS });
    const answer = (status: number, raw: NodeJS.Dict<string | string[]>, body: string) => {
      const told = new Headers(Object.entries(raw).map(([name, value]): [string, string] => [name, String(value)]));
      const response = new Response(body === '' ? null : body, {
        status: status === 101 ? 200 : status,
        headers: told,
      });
      resolve({ status, headers: told, response });
    };
    asked.on('response', (message) => {
      const parts: Buffer[] = [];
      message.on('data', (part: Buffer) => parts.push(part));
      message.on('end', () => answer(message.statusCode ?? 0, message.headers, Buffer.concat(parts).toString()));
    });
    asked.on('upgrade', (message, socket) => {
      socket.destroy();
      answer(101, message.headers, '');
    });
    asked.on('timeout', () => asked.destroy(new Error('no answer to the upgrade')));
    asked.on('error', reject);
    asked.end();
  });
}

/**
 * The first frame or the closing code that a server sends on a socket, read from its bytes (RFC 6455 §5.2): clients report a
 * closing only when the connection ends too, which workerd may put off until the object leaves memory.
 */
export function firstWord(url: string, protocols: readonly string[]): Promise<{ frame?: string; code?: number }> {
  const headers = { ...WHOLE, 'Sec-WebSocket-Protocol': protocols.join(', ') };
  return new Promise((resolve, reject) => {
    const asked = request(url, { headers, timeout: PATIENCE_MS });
    asked.on('upgrade', (_, socket, head) => {
      let bytes = head;
      const hear = (more: Buffer) => {
        bytes = Buffer.concat([bytes, more]);
        const word = wordOf(bytes);
        if (!word) return;
        resolve(word);
        socket.destroy();
      };
      socket.on('data', hear);
      hear(Buffer.alloc(0));
    });
    asked.on('response', ({ statusCode }) => reject(new Error(`refused with ${statusCode}`)));
    asked.on('timeout', () => asked.destroy(new Error('nothing was said')));
    asked.on('error', reject);
    asked.end();
  });
}

/** An unmasked frame that is whole in `bytes`; null when more must come. */
function wordOf(bytes: Buffer): { frame?: string; code?: number } | null {
  if (bytes.length < 2) return null;
  const short = bytes[1]! & 0x7f;
  const start = short === 126 ? 4 : 2;
  if (bytes.length < start) return null;
  const length = short === 126 ? bytes.readUInt16BE(2) : short;
  if (bytes.length < start + length) return null;
  const body = bytes.subarray(start, start + length);
  return (bytes[0]! & 0x0f) === 8 ? { code: body.readUInt16BE(0) } : { frame: body.toString() };
}
