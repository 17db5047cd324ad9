/** What an application holds of a group: participants, events, keys of the frames. Carries nothing out by itself. */
import type { FrameKeys, GroupCall, GroupEvents, Participant } from '../calls/group-call.ts';
import type { Peer } from '../directory.ts';
import { unlessAborted } from '../patience.ts';
import { tell } from '../tell.ts';

export interface GroupPort {
  add(peer: Peer): Promise<void>;
  remove(id: string): Promise<void>;
  rekey(): void;
  leave(): void;
  code(): Promise<string>;
}

export const NO_KEYS: FrameKeys = { send: null, receive: [] };

export class GroupFace implements GroupCall {
  readonly #port: GroupPort;
  readonly #listeners = new Map<string, Set<(event: never) => void>>();
  participants: readonly Participant[] = [];
  epoch: number | null = null;
  frameKeys: FrameKeys = NO_KEYS;

  constructor(port: GroupPort) {
    this.#port = port;
  }

  get member(): boolean {
    return this.participants.some(({ self }) => self);
  }

  on<K extends keyof GroupEvents>(name: K, listener: (event: GroupEvents[K]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(name, listeners);
    return () => listeners.delete(listener);
  }

  next<K extends keyof GroupEvents>(name: K): Promise<GroupEvents[K]> {
    return new Promise((resolve) => {
      const stop = this.on(name, (event) => {
        stop();
        resolve(event);
      });
    });
  }

  add(peer: Peer, signal?: AbortSignal): Promise<void> {
    return unlessAborted(signal, () => this.#port.add(peer));
  }

  remove({ id }: Pick<Participant, 'id'>, signal?: AbortSignal): Promise<void> {
    return unlessAborted(signal, () => this.#port.remove(id));
  }

  rekey(): void {
    this.#port.rekey();
  }

  leave(): void {
    this.#port.leave();
  }

  code(): Promise<string> {
    return this.#port.code();
  }

  tell<K extends keyof GroupEvents>(name: K, event: GroupEvents[K]): void {
    for (const listener of this.#listeners.get(name) ?? []) tell(listener as (event: GroupEvents[K]) => void, event);
  }
}
