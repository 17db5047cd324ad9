import { ask, callOf } from '../http/ask.ts';
import { authenticated } from '../http/authenticated.ts';
import { json } from '../http/body.ts';
import { factory } from '../http/context.ts';
import { iceServers } from '../http/ice.ts';
import { problem } from '../http/problem.ts';
import { IceRequest } from '../protocol/ice.ts';

/** Who relays for a device: short-lived credentials, of one call or of none. */
export const ice = factory.createApp().post('/v1/ice-servers', authenticated, async (c) => {
  const read = await json(c, IceRequest);
  if (!read.ok) return read.response;
  const { account, device } = c.var.caller;
  const { call = null } = read.value;
  if (call !== null) {
    const asked = await ask(c, callOf(call), { do: 'look', party: { account, device } });
    if (!asked.ok) return asked.response;
    if (!asked.value.ok) return problem(c, 'not-found', 'unknown-call');
  }
  const made = await iceServers(c, account, call);
  c.header('Cache-Control', 'no-store');
  return made.ok ? c.json(made.reply) : made.response;
});
