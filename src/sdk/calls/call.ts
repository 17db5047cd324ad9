import type { EndReason, Party } from '../../protocol/call.ts';
import type { Bytes } from '../crypto/provider.ts';
import type { SessionKeys } from '../crypto/schedule.ts';
import { CallsignError } from '../errors.ts';
import { unlessAborted } from '../patience.ts';
import { tell } from '../tell.ts';
import type { GroupCall } from './group-call.ts';

export type CallPhase = CallState['phase'];

/** Where a call stands. What may follow what is decided by the machine in src/calls, not here. */
export type CallState =
  /** `merging`: both called each other, and the call that survives is awaited. */
  | { readonly phase: 'inviting' | 'remote-ringing' | 'merging' | 'alerting' | 'answering' | 'connecting' }
  /** Keys are confirmed. `reconnecting`: a side has lost its connection and has half a minute to come back. */
  | {
      readonly phase: 'active' | 'reconnecting';
      readonly peer: Party;
      /** Null for who was invited into a group, and once both ends are under a group's keys: those of `group` count. */
      readonly keys: SessionKeys | null;
    }
  | { readonly phase: 'ended'; readonly reason: EndReason; readonly elsewhere: 'answered' | 'declined' | null };

/** What a call tells its application, by name. */
export interface CallEvents {
  phase: CallPhase;
  state: CallState;
  /** Consent, grant and the peer's confirmed keys are all there: media may flow to this peer, under these keys. */
  media: { readonly peer: Party; readonly keys: SessionKeys };
  /** A datagram of the peer, relayed; after the keys are confirmed. */
  datagram: Bytes;
  /** What the peer sealed with `signal`, each once, in the order it came. */
  signal: { readonly content: Bytes; readonly generation: number | null };
  /** The way to the peer is another one: gather candidates anew, with the next generation. */
  'ice-restart': { readonly cause: 'transport' | 'network' };
  /**
   * The user's wish goes on in another call: `merged` with the peer's own call, which needs no accepting any more, or
   * `redialed`, because that one was gone. This call ends with `glare-merged`.
   */
  continued: { readonly call: Call; readonly how: 'merged' | 'redialed' };
  ended: { readonly reason: EndReason; readonly elsewhere: 'answered' | 'declined' | null };
}

export type CallListener<K extends keyof CallEvents> = (event: CallEvents[K]) => void;

/** One call as the application holds it. */
export interface Call {
  readonly id: string;
  readonly role: 'caller' | 'callee';
  readonly peer: { readonly account: string; readonly handle: string | null };
  readonly media: readonly string[];
  readonly state: CallState;
  readonly phase: CallPhase;
  /**
   * Set while media of a call of two may flow; null before and after, and then overwritten with zeros. A call that became a group
   * goes on without them: a `state` event says so.
   */
  readonly keys: SessionKeys | null;
  /** Null unless the client was made with groups. */
  readonly group: GroupCall | null;

  /** Returns how to stop listening. */
  on<K extends keyof CallEvents>(name: K, listener: CallListener<K>): () => void;
  /** The next event of this name, or the one that was: media, continuation and the end happen once. */
  next<K extends keyof CallEvents>(name: K): Promise<CallEvents[K]>;
  /** Resolves in the given phase, at once when it is in it; rejects when the call ends first. */
  reaches(phase: CallPhase): Promise<void>;

  /** The user's consent to this call and no other. */
  accept(media?: readonly string[]): void;
  /** On all devices of the account, or silently on this one. */
  decline(scope?: 'device' | 'all'): void;
  hangup(): void;
  /** Seals `content` for the peer, once keys are confirmed. Resolves when the call took it; `signal` ends the waiting. */
  signal(content: Uint8Array, options?: { generation?: number; signal?: AbortSignal }): Promise<void>;
  /** Sends a datagram of at most 1,500 bytes to the peer through the relay, if there is a way. */
  relay(datagram: Bytes): void;
}

/** Who carries out what the application asks of a call. */
export interface CallPort {
  accept(media: readonly string[]): void;
  decline(scope: 'device' | 'all'): void;
  hangup(): void;
  signal(content: Uint8Array, generation: number | null): Promise<void>;
  relay(datagram: Bytes): void;
}

const ONCE: ReadonlySet<string> = new Set<keyof CallEvents>(['media', 'continued', 'ended']);

export class LiveCall implements Call {
  readonly id: string;
  readonly role: 'caller' | 'callee';
  readonly peer: Call['peer'];
  readonly media: readonly string[];
  group: GroupCall | null = null;
  readonly #port: CallPort;
  readonly #listeners = new Map<string, Set<(event: never) => void>>();
  readonly #past = new Map<string, unknown>();
  #state: CallState;

  constructor(given: Pick<Call, 'id' | 'role' | 'peer' | 'media'>, port: CallPort) {
    this.id = given.id;
    this.role = given.role;
    this.peer = given.peer;
    this.media = [...given.media];
    this.#port = port;
    this.#state = { phase: given.role === 'caller' ? 'inviting' : 'alerting' };
  }

  get state(): CallState {
    return this.#state;
  }

  get phase(): CallPhase {
    return this.#state.phase;
  }

  get keys(): SessionKeys | null {
    return 'keys' in this.#state ? this.#state.keys : null;
  }

  on<K extends keyof CallEvents>(name: K, listener: CallListener<K>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(name, listeners);
    return () => listeners.delete(listener);
  }

  next<K extends keyof CallEvents>(name: K): Promise<CallEvents[K]> {
    if (this.#past.has(name)) return Promise.resolve(this.#past.get(name) as CallEvents[K]);
    return new Promise((resolve) => {
      const stop = this.on(name, (event) => {
        stop();
        resolve(event);
      });
    });
  }

  async reaches(phase: CallPhase): Promise<void> {
    while (this.phase !== phase) {
      if (this.phase === 'ended') throw new CallsignError('call', 'ended');
      await this.next('phase');
    }
  }

  accept(media: readonly string[] = this.media): void {
    this.#port.accept(media);
  }

  decline(scope: 'device' | 'all' = 'all'): void {
    this.#port.decline(scope);
  }

  hangup(): void {
    this.#port.hangup();
  }

  signal(
    content: Uint8Array,
    { generation, signal }: { generation?: number; signal?: AbortSignal } = {},
  ): Promise<void> {
    return unlessAborted(signal, () => this.#port.signal(content, generation ?? null));
  }

  relay(datagram: Bytes): void {
    this.#port.relay(datagram);
  }

  become(state: CallState): void {
    const moved = state.phase !== this.#state.phase;
    this.#state = state;
    if (moved) this.tell('phase', state.phase);
    this.tell('state', state);
  }

  /** The keys of the call of two are no more: who asks late for `media` does not get zeros for keys. */
  outgrow(): void {
    this.#past.delete('media');
    if ('keys' in this.#state) this.become({ ...this.#state, keys: null });
  }

  tell<K extends keyof CallEvents>(name: K, event: CallEvents[K]): void {
    if (ONCE.has(name)) this.#past.set(name, event);
    for (const listener of this.#listeners.get(name) ?? []) tell(listener as CallListener<K>, event);
  }
}
