/** The ways to a call at the server: its plane while that is open, else the courier, else HTTP. */
import * as v from 'valibot';
import type { EndReason, Reply, Verb } from '../../protocol/call.ts';
import type { IdentifiedApi } from '../api.ts';
import type { Courier } from '../courier.ts';
import { CallsignError } from '../errors.ts';
import type { CallPlane } from './plane.ts';

const CallReply = v.looseObject({ ok: v.boolean(), call: v.string() });
const CallView = v.looseObject({ state: v.string(), rev: v.number(), reason: v.nullable(v.string()) });

/** Null: it is not known whether it arrived. */
export async function sayOnce(
  verb: Verb,
  { plane, courier, api }: { plane: CallPlane | null; courier: Courier; api: IdentifiedApi },
): Promise<Reply | null> {
  const said = (plane && (await plane.say(verb))) ?? (await courier.say(verb));
  if (said || courier.connected) return said;
  const path = `/v1/calls/${verb.call}/verbs`;
  const reply = await api.ask(CallReply, { method: 'POST', path, body: verb, repeatable: false });
  return reply as unknown as Reply;
}

/**
 * What became of a call, as if it had answered a verb that changes nothing; null while it goes on. `now` is server time.
 */
export async function outcomeOf(api: IdentifiedApi, call: string, now: () => number): Promise<Reply | null> {
  try {
    const { state, rev, reason } = await api.ask(CallView, { method: 'GET', path: `/v1/calls/${call}` });
    if (state !== 'ended') return null;
    return { ok: true, call, rev, state, serverNow: now(), reason: (reason ?? 'failed') as EndReason };
  } catch (error) {
    if (!(error instanceof CallsignError) || error.status !== 404) return null;
    return { ok: false, call, rev: 0, serverNow: now(), reason: 'unknown-call' };
  }
}
