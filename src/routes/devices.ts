import * as v from 'valibot';
import { accountOf, ask } from '../http/ask.ts';
import { authenticated } from '../http/authenticated.ts';
import { factory } from '../http/context.ts';
import { problem } from '../http/problem.ts';
import { ofActor } from '../http/refusals.ts';
import { RevocationCause, type RevocationReply } from '../protocol/api.ts';
import { DeviceId } from '../protocol/identity.ts';

/** An owner takes a device out of service: any device in force of the same account may, this one included. */
export const devices = factory.createApp().delete('/v1/devices/:device', authenticated, async (c) => {
  const device = c.req.param('device');
  const reason = c.req.query('reason') ?? 'other';
  if (!v.is(DeviceId, device) || !v.is(RevocationCause, reason)) return problem(c, 'bad-request', 'malformed-query');
  const asked = await ask<{ status: RevocationReply['status']; statusAt: number }>(c, accountOf(c.var.caller.account), {
    do: 'revoke',
    device,
    reason,
    by: 'owner',
    request: c.var.request,
  });
  if (!asked.ok) return asked.response;
  if (!asked.value.ok) {
    const { slug, reason: refused } = ofActor(asked.value.reason);
    return problem(c, slug, refused);
  }
  const { status, statusAt } = asked.value;
  return c.json({ device, status, statusAt } satisfies RevocationReply);
});
