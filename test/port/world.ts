import type { Answer, Json } from '../../src/actors/port.ts';
import type { Said } from './probe.ts';

/** A host with the probe actor on it, as the conformance suite uses one. Each host brings its own. */
export interface World {
  /** One command from outside to the probe `name`; a key is made up when none is given. */
  command(name: string, said: Said, key?: string): Promise<Answer>;
  connect(name: string, tags: readonly string[], said: Said): Promise<Client>;
  hinted(name: string, queue: string, key: string): Promise<Answer>;
  /** The process dies without warning and starts again on the same rows; sockets are cut. */
  crash(): Promise<void>;
  /** The actor leaves memory while its sockets stay open (hibernation); on hosts without, nothing happens. */
  evict(name: string): Promise<void>;
  /** Time passes, really or virtually. */
  pass(ms: number): Promise<void>;
  /** What the network between actors does from now on; probabilities of one flight. */
  weather(weather: Weather): Promise<void>;
  stop(): Promise<void>;
}

export interface Weather {
  /** A mail is lost before it arrives. */
  readonly lost: number;
  /** A mail arrives and its answer is lost. */
  readonly unanswered: number;
  /** A mail arrives twice. */
  readonly twice: number;
}

export const CALM: Weather = { lost: 0, unanswered: 0, twice: 0 };

export interface Client {
  /** Everything received so far. */
  readonly frames: readonly string[];
  /** Resolves when the socket is closed, by whom ever. */
  readonly closed: Promise<{ readonly code: number }>;
  send(said: Said | string): void;
  close(): void;
}

/** Unwraps an answer that must have been given. */
export function value(answer: Answer): Json {
  if (!answer.ok) throw new Error(`not answered: ${answer.reason}`);
  return answer.value;
}
