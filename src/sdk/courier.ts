import { base64url } from '../bytes/base64url.ts';
import { emptyInbox, type Inbox, type InboxEffect, type InboxInput, receive } from '../courier/receive.ts';
import { hello } from '../identity/proof.ts';
import { NonceReply } from '../protocol/api.ts';
import type { Reply, Verb } from '../protocol/call.ts';
import { CLOSE, COURIER_PROTOCOL, type DeliverFrame, parseServerFrame, type ServerFrame } from '../protocol/courier.ts';
import { PING } from '../protocol/keep-alive.ts';
import { Api, type IdentifiedApi } from './api.ts';
import type { ClientConfig, SocketLike } from './config.ts';

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 30_000;
const REPLY_LIMIT_MS = 10_000;
const FINAL: ReadonlySet<number> = new Set([CLOSE.revoked, CLOSE.expired, CLOSE.forbidden, CLOSE.elsewhere]);
/** A connection that is silent for so long is asked whether it lives; one that does not answer as long is dead. */
const SILENCE_MS = 30_000;

export interface CourierEvents {
  /** Make its effect durable, then resolve: only then is it acknowledged. */
  envelope(envelope: DeliverFrame): Promise<void>;
  /** Everything that waited has been handled. */
  drained(): void;
  /** Few one-time keys are left at the server. */
  keysLow(): void;
  /** Rows are missing: ask what goes on. */
  resync(): void;
  disconnected(): void;
  /** The certificate in use has ended: nothing but a renewal helps. */
  dormant(): void;
  /** The connection is over for good: displaced, revoked or expired. */
  closed(code: number): void;
}

/** The one live connection of this device: hello, replay, acknowledgements, and back again after every loss. */
export class Courier {
  readonly #config: ClientConfig;
  readonly #api: IdentifiedApi;
  readonly #events: CourierEvents;
  #socket: SocketLike | null = null;
  /** The server took the hello: verbs may be said. */
  #welcome = false;
  #inbox: Inbox = emptyInbox();
  #nonce: string | null = null;
  #stopped = true;
  /** Counts connections that were begun: only the newest goes on. */
  #round = 0;
  #attempt = 0;
  /** The pause that the server asked for before a planned closing, ms. */
  #advised: number | null = null;
  /** Something was heard since the last look. */
  #alive = false;
  #requests = 0;
  readonly #waiting = new Map<string, (reply: Reply | null) => void>();
  /** Frames are handled one after the other, in the order they came. */
  #tail: Promise<void> = Promise.resolve();
  #cancelRetry: () => void = () => undefined;
  #cancelWatch: () => void = () => undefined;
  /** Ends what is being asked when the courier is stopped. */
  #over = new AbortController();

  constructor(config: ClientConfig, api: IdentifiedApi, events: CourierEvents) {
    this.#config = config;
    this.#api = api;
    this.#events = events;
  }

  /** Local clock plus this is the server's, ms. */
  get clockOffset(): number {
    return this.#inbox.clockOffset;
  }

  async start(): Promise<void> {
    const kept = (await this.#config.store.get('inbox', 'courier')) as Inbox | undefined;
    if (kept) this.#inbox = { ...kept, drained: false, clockOffset: this.#api.clockOffset };
    this.#stopped = false;
    this.#over = new AbortController();
    await this.#connect();
  }

  stop(): void {
    this.#stopped = true;
    this.#over.abort();
    this.#cancelRetry();
    this.#cancelWatch();
    this.#socket?.close(1000, 'bye');
    this.#socket = null;
  }

  /** The network is another one, or a push came: the connection may be dead without knowing it, and no pause is waited for. */
  networkChanged(): void {
    this.#attempt = this.#advised = 0;
    if (this.#socket) this.#drop(this.#socket);
    else this.#retry();
  }

  get connected(): boolean {
    return this.#socket !== null && this.#welcome;
  }

  /** Says a verb over the connection; null when there is none or no reply came: repeat it, the same verb is the same act. */
  say(verb: Verb): Promise<Reply | null> {
    const socket = this.#socket;
    if (!socket || !this.#welcome) return Promise.resolve(null);
    const request = `v${++this.#requests}`;
    return new Promise((resolve) => {
      const cancel = this.#config.after(REPLY_LIMIT_MS, () => this.#answered(request, null));
      this.#waiting.set(request, (reply) => {
        cancel();
        resolve(reply);
      });
      socket.send(JSON.stringify({ type: 'call', request, verb }));
    });
  }

  #answered(request: string, reply: Reply | null): void {
    this.#waiting.get(request)?.(reply);
    this.#waiting.delete(request);
  }

  async #connect(): Promise<void> {
    const round = ++this.#round;
    try {
      const jws = await this.#hello();
      if (this.#stopped || round !== this.#round) return;
      const url = `${this.#config.origin.replace(/^http/, 'ws')}/v1/courier`;
      const socket = this.#config.openSocket(url, [COURIER_PROTOCOL, jws]);
      socket.addEventListener('message', (event: { data: unknown }) => this.#heard(socket, event.data));
      socket.addEventListener('close', (event: { code: number }) => this.#lost(socket, event.code));
      socket.addEventListener('error', () => undefined);
      this.#socket = socket;
      this.#welcome = false;
      this.#watch(socket);
    } catch {
      if (round === this.#round) this.#retry();
    }
  }

  async #hello(): Promise<string> {
    const { identity } = this.#api;
    // Anybody may ask for a nonce: a device whose certificate ended gets no token.
    const request = { method: 'GET', path: '/v1/courier/nonce', signal: this.#over.signal } as const;
    const nonce = this.#nonce ?? (await new Api(this.#config).ask(NonceReply, request)).nonce;
    this.#nonce = null;
    const draft = hello(identity.chain, {
      nonce,
      deployment: this.#config.deployment,
      device: identity.device,
      pushTokenHash: base64url(await this.#config.crypto.sha256(identity.pushToken)),
      box: this.#inbox.box,
      lastSeq: this.#inbox.upTo,
      iat: Math.floor(this.#config.now() + this.clockOffset),
    });
    return draft.seal(await identity.key.sign(draft.input));
  }

  #heard(socket: SocketLike, data: unknown): void {
    if (socket !== this.#socket || typeof data !== 'string') return;
    this.#alive = true;
    const frame = parseServerFrame(data);
    if (!frame) return;
    if (frame.type === 'keys-low') return this.#events.keysLow();
    if (frame.type === 'reconnect') {
      this.#advised = frame.afterMs + Math.random() * frame.spreadMs;
      return;
    }
    if (frame.type === 'renewal-needed') return this.#events.dormant();
    if (frame.type === 'reply') {
      if (isExpired(frame.reply)) this.#events.dormant();
      return this.#answered(frame.request, ofTheCall(frame.reply));
    }
    if (frame.type === 'welcome') {
      this.#nonce = frame.nextNonce;
      this.#welcome = true;
    }
    this.#next(socket, { type: 'frame', frame: frame as ServerFrame });
  }

  /** An effect that could not be made durable is not acknowledged: the connection goes, and the envelope comes again. */
  #next(socket: SocketLike, input: InboxInput): void {
    this.#tail = this.#tail.then(() => this.#handle(socket, input)).catch(() => socket.close(1000, 'not durable'));
  }

  async #handle(socket: SocketLike, input: InboxInput): Promise<void> {
    const { inbox, effects } = receive(this.#inbox, input, this.#config.now());
    this.#inbox = inbox;
    for (const effect of effects) await this.#carryOut(socket, effect);
  }

  async #carryOut(socket: SocketLike, effect: InboxEffect): Promise<void> {
    switch (effect.type) {
      case 'handle':
        await this.#events.envelope(effect.envelope);
        return this.#handle(socket, { type: 'done', envelope: effect.envelope });
      case 'ack':
        await this.#config.store.write([{ collection: 'inbox', id: 'courier', value: this.#inbox }]);
        if (socket === this.#socket) socket.send(JSON.stringify({ type: 'ack', upTo: effect.upTo }));
        return;
      case 'resync':
        return this.#events.resync();
      case 'drained':
        this.#attempt = 0;
        return this.#events.drained();
    }
  }

  /** A network that died may say nothing of it for many minutes. */
  #watch(socket: SocketLike): void {
    this.#cancelWatch();
    this.#alive = false;
    this.#cancelWatch = this.#config.after(SILENCE_MS, () => {
      if (!this.#alive) return this.#drop(socket);
      socket.send(PING);
      this.#watch(socket);
    });
  }

  /** The closing handshake of a dead connection may take minutes: nobody waits for it. */
  #drop(socket: SocketLike): void {
    socket.close(1000, 'anew');
    this.#lost(socket, 1000);
  }

  #lost(socket: SocketLike, code: number): void {
    if (socket !== this.#socket) return;
    this.#socket = null;
    this.#cancelWatch();
    this.#welcome = false;
    for (const request of this.#waiting.keys()) this.#answered(request, null);
    this.#next(socket, { type: 'disconnected' });
    this.#events.disconnected();
    if (FINAL.has(code)) {
      this.#stopped = true;
      return this.#events.closed(code);
    }
    if (code >= CLOSE.badFrames && code !== CLOSE.renewed) this.#advised = LONGEST_RETRY_MS;
    this.#retry();
  }

  /** As the server advised; else exponential with jitter, so that a thousand clients of a restarted server do not come at once. */
  #retry(): void {
    if (this.#stopped) return;
    const limit = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#attempt++);
    const pause = this.#advised ?? (limit * (1 + Math.random())) / 2;
    this.#advised = null;
    this.#cancelRetry();
    this.#cancelRetry = this.#config.after(pause, () => void this.#connect());
  }
}

/** The device's own actor: no certificate in force. The verb is said again once there is one. */
function isExpired(reply: unknown): boolean {
  return (reply as { readonly reason?: unknown } | null)?.reason === 'certificate-expired';
}

/** What the call itself said; that it could not be reached is no reply. */
function ofTheCall(reply: unknown): Reply | null {
  return typeof reply === 'object' && reply !== null && 'call' in reply ? (reply as Reply) : null;
}
