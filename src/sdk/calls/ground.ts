import type { ClientInput } from '../../calls/client.ts';
import type { Verb } from '../../protocol/call.ts';
import type { IdentifiedApi } from '../api.ts';
import type { ClientConfig } from '../config.ts';
import type { Directory } from '../directory.ts';
import type { HeldCall } from './held.ts';

/** What the parts of a device's calls stand on. */
export interface Ground {
  readonly config: ClientConfig;
  readonly api: IdentifiedApi;
  readonly directory: Directory;
  /** The clock of the calls: the server's, ms. */
  now(): number;
  /** Tells the machine what happened. */
  step(input: ClientInput): void;
  /** Says a verb until it is answered, and tells the machine the answer. */
  say(verb: Verb): Promise<void>;
  /** Work of a call that nobody waits for. */
  behind(call: string, work: () => Promise<void>): void;
  /** Null once the call is over. */
  find(call: string): HeldCall | null;
  suspicious(call: string, reason: string): void;
}

export function clocksOf(ground: Ground): { local: number; server: number } {
  return { local: ground.config.now(), server: ground.now() };
}
