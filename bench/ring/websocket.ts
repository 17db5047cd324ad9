import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

/** A client's WebSocket (RFC 6455) that costs the load generator as little as the peers' own protocols: text frames, no extensions. */
export class TextSocket {
  #onText: (text: string) => void = () => undefined;
  #onClose: (code: number) => void = () => undefined;
  readonly #socket: Socket;
  #bytes: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket, rest: Buffer) {
    this.#socket = socket;
    this.#bytes = rest;
  }

  /** What came with the handshake's answer, and everything after it. */
  listen(onText: (text: string) => void, onClose: (code: number) => void): void {
    this.#onText = onText;
    this.#onClose = onClose;
    this.#socket.on('data', (bytes) => this.#read(bytes as Buffer));
    this.#socket.on('close', () => this.#onClose(1006));
    this.#read(Buffer.alloc(0));
  }

  static open(url: string, protocols: readonly string[]): Promise<TextSocket> {
    const { hostname, port, pathname } = new URL(url);
    const key = randomBytes(16).toString('base64');
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    const head = [
      `GET ${pathname} HTTP/1.1`,
      `Host: ${hostname}:${port}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${key}`,
      `Sec-WebSocket-Protocol: ${protocols.join(', ')}`,
    ];
    return new Promise((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => socket.write(`${head.join('\r\n')}\r\n\r\n`));
      socket.setNoDelay(true);
      socket.once('error', reject);
      let seen = Buffer.alloc(0);
      const hear = (bytes: Buffer | string) => {
        seen = Buffer.concat([seen, bytes as Buffer]);
        const end = seen.indexOf('\r\n\r\n');
        if (end < 0) return;
        socket.off('data', hear);
        const told = seen.subarray(0, end).toString();
        if (!told.startsWith('HTTP/1.1 101') || !told.includes(accept)) return reject(new Error(told));
        resolve(new TextSocket(socket, seen.subarray(end + 4)));
      };
      socket.on('data', hear);
    });
  }

  send(text: string): void {
    this.#write(0x81, Buffer.from(text));
  }

  #write(kind: number, body: Buffer): void {
    const long = body.length > 65_535 ? 8 : body.length > 125 ? 2 : 0;
    const frame = Buffer.allocUnsafe(6 + long + body.length);
    frame[0] = kind;
    frame[1] = 0x80 | (long === 8 ? 127 : long === 2 ? 126 : body.length);
    if (long === 2) frame.writeUInt16BE(body.length, 2);
    if (long === 8) frame.writeBigUInt64BE(BigInt(body.length), 2);
    // A mask of zeros leaves the bytes as they are: this client has no cache between it and the server to protect.
    frame.fill(0, 2 + long, 6 + long);
    body.copy(frame, 6 + long);
    this.#socket.write(frame);
  }

  close(): void {
    this.#onClose = () => undefined;
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
    for (;;) {
      if (this.#bytes.length < 2) return;
      const short = this.#bytes[1]! & 0x7f;
      const start = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (this.#bytes.length < start) return;
      const length =
        short === 127 ? Number(this.#bytes.readBigUInt64BE(2)) : short === 126 ? this.#bytes.readUInt16BE(2) : short;
      if (this.#bytes.length < start + length) return;
      const body = this.#bytes.subarray(start, start + length);
      const kind = this.#bytes[0]! & 0x0f;
      this.#bytes = this.#bytes.subarray(start + length);
      if (kind === 1) this.#onText(body.toString());
      if (kind === 9) this.#write(0x8a, body);
      if (kind === 8) this.#onClose(body.length >= 2 ? body.readUInt16BE(0) : 1005);
    }
  }
}
