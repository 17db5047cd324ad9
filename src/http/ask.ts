import type { Address, Json } from '../actors/port.ts';
import type { AppContext } from './context.ts';
import { unavailable } from './problem.ts';

/** What an actor's turn returned: our own unions, `ok` first. */
export type Told<T> =
  | ({ readonly ok: true } & T)
  | { readonly ok: false; readonly reason: string; readonly [name: string]: unknown };

export type Asked<T> =
  | { readonly ok: true; readonly value: Told<T> }
  | { readonly ok: false; readonly response: Response };

/** One command to an actor. An answer that did not come is `unavailable` to the client: unknown, never no. */
export async function ask<T>(c: AppContext, to: Address, body: object, key?: string): Promise<Asked<T>> {
  const answer = await c.var.services.actors.command(to, key ?? c.var.request, body as Json);
  if (!answer.ok) return { ok: false, response: unavailable(c, answer.reason) };
  return { ok: true, value: answer.value as unknown as Told<T> };
}

export const accountOf = (name: string): Address => ({ kind: 'account', name });
export const deviceOf = (name: string): Address => ({ kind: 'device', name });
export const callOf = (name: string): Address => ({ kind: 'call', name });
