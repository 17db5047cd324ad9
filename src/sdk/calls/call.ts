import type { EndReason, Party } from '../../protocol/call.ts';
import type { CallSession } from '../crypto/session.ts';
import type { SessionKeys } from '../crypto/schedule.ts';
import type { CallPlane } from './plane.ts';
import type { Bytes } from '../crypto/provider.ts';

export type CallPhase = 'inviting' | 'remote-ringing' | 'alerting' | 'answering' | 'connecting' | 'active' | 'ended';

/** What a call tells its application, by name. */
export interface CallEvents {
  phase: CallPhase;
  /** Consent, grant and the peer's confirmed keys are all there: media may flow to this peer, under these keys. */
  media: { readonly peer: Party; readonly keys: SessionKeys };
  /** A datagram of the peer, relayed; after the keys are confirmed. */
  datagram: Bytes;
  ended: { readonly reason: EndReason; readonly elsewhere: 'answered' | 'declined' | null };
}

type Listener<K extends keyof CallEvents> = (event: CallEvents[K]) => void;

/** One call as the application holds it. What may happen in it is decided by the machine in src/calls, not here. */
export class Call {
  readonly id: string;
  readonly role: 'caller' | 'callee';
  readonly peer: { readonly account: string; readonly handle: string | null };
  readonly media: readonly string[];
  phase: CallPhase;
  /** Set while the call lasts; null before and after. */
  keys: SessionKeys | null = null;
  /** The client's, in memory only. */
  session: CallSession | null = null;
  plane: CallPlane | null = null;
  readonly #listeners = new Map<string, Set<(event: never) => void>>();
  readonly #past = new Map<string, unknown>();

  constructor(given: Pick<Call, 'id' | 'role' | 'peer' | 'media' | 'phase'>) {
    this.id = given.id;
    this.role = given.role;
    this.peer = given.peer;
    this.media = given.media;
    this.phase = given.phase;
  }

  /** Returns how to stop listening. */
  on<K extends keyof CallEvents>(name: K, listener: Listener<K>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(name, listeners);
    return () => listeners.delete(listener);
  }

  /** The next event of this name, or the one that was: media and the end happen once. */
  next<K extends keyof CallEvents>(name: K): Promise<CallEvents[K]> {
    if (this.#past.has(name)) return Promise.resolve(this.#past.get(name) as CallEvents[K]);
    return new Promise((resolve) => {
      const stop = this.on(name, (event) => {
        stop();
        resolve(event);
      });
    });
  }

  /** Resolves in the given phase, or rejects when the call ends first. */
  async reaches(phase: CallPhase): Promise<void> {
    while (this.phase !== phase) {
      if (this.phase === 'ended') throw new Error(`the call ended before it was ${phase}`);
      await this.next('phase');
    }
  }

  tell<K extends keyof CallEvents>(name: K, event: CallEvents[K]): void {
    if (name === 'media' || name === 'ended') this.#past.set(name, event);
    if (name === 'phase') this.phase = event as CallPhase;
    for (const listener of this.#listeners.get(name) ?? []) (listener as Listener<K>)(event);
  }

  /** Sends a datagram to the peer through the relay. */
  relay(datagram: Bytes): void {
    this.plane?.relay(datagram);
  }

  /** Forgets every secret. */
  erase(): void {
    this.session?.erase();
    this.session = null;
    this.keys = null;
    this.plane?.close();
    this.plane = null;
  }
}
