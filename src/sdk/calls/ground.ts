import type { ClientInput } from '../../calls/client.ts';
import type { Reply, Verb } from '../../protocol/call.ts';
import type { IdentifiedApi } from '../api.ts';
import type { ClientConfig } from '../config.ts';
import type { Directory } from '../directory.ts';
import type { CallPort } from './call.ts';
import type { Groups } from './group-call.ts';
import type { HeldCall } from './held.ts';

/** What the parts of a device's calls stand on. */
export interface Ground {
  readonly config: ClientConfig;
  readonly api: IdentifiedApi;
  readonly directory: Directory;
  readonly groups: Groups | null;
  /** The clock of the calls: the server's, ms. */
  now(): number;
  /** Tells the machine what happened. */
  step(input: ClientInput): void;
  /** Says a verb until it is answered, and tells the machine the answer. Null: given up, or overtaken by the end. */
  say(verb: Verb): Promise<Reply | null>;
  /** Work of a call that nobody waits for. */
  behind(call: string, work: () => Promise<void>): void;
  /** Keeps what was made for a call that the machine goes on with; else erases it. */
  keep(held: HeldCall): void;
  /** Null once the call is over. */
  find(call: string): HeldCall | null;
  /** Carries out what the application asks of a call. */
  port(call: string): CallPort;
  suspicious(call: string, reason: string): void;
  /** An invitation of that account came without a one-time key. */
  lastResort(account: string): void;
}

export function clocksOf(ground: Ground): { local: number; server: number } {
  return { local: ground.config.now(), server: ground.now() };
}
