import * as v from 'valibot';
import { ask, callOf, deviceOf } from '../http/ask.ts';
import { authenticated } from '../http/authenticated.ts';
import { json } from '../http/body.ts';
import { factory } from '../http/context.ts';
import { limited } from '../http/limited.ts';
import { problem } from '../http/problem.ts';
import { ofActor } from '../http/refusals.ts';
import { subprotocols, upgrade, upgradeRefusal } from '../http/upgrade.ts';
import { CALL_PROTOCOL, CallId } from '../protocol/call.ts';

const AnyVerb = v.looseObject({ verb: v.string(), call: CallId });

/** Every verb over HTTP, for clients that have no socket, with the same replies; and the way to the call-plane socket. */
export const calls = factory
  .createApp()
  /** What became of the calls this device was told of and not of their end. */
  .get('/v1/calls/active', authenticated, async (c) => {
    const { account, device } = c.var.caller;
    const listed = await ask<{ calls: string[] }>(c, deviceOf(device), { do: 'active-calls' });
    if (!listed.ok) return listed.response;
    const names = listed.value.ok ? listed.value.calls : [];
    const views = await Promise.all(
      names.map((name) => ask<{ view: object }>(c, { kind: 'call', name }, { do: 'look', party: { account, device } })),
    );
    const calls = views.flatMap((one) => (one.ok && one.value.ok ? [one.value.view] : []));
    return c.json({ calls, serverNow: c.var.services.now() });
  })
  .get('/v1/calls/:call', authenticated, async (c) => {
    const name = c.req.param('call');
    if (!v.is(CallId, name)) return problem(c, 'not-found', 'unknown-call');
    const { account, device } = c.var.caller;
    const asked = await ask<{ view: object }>(c, callOf(name), { do: 'look', party: { account, device } });
    if (!asked.ok) return asked.response;
    return asked.value.ok ? c.json(asked.value.view) : problem(c, 'not-found', 'unknown-call');
  })
  .post('/v1/calls/:call/verbs', authenticated, async (c) => {
    const name = c.req.param('call');
    if (!v.is(CallId, name)) return problem(c, 'not-found', 'unknown-call');
    const read = await json(c, AnyVerb);
    if (!read.ok) return read.response;
    const { account, device } = c.var.caller;
    const asked = await ask<object>(c, callOf(name), { do: 'verb', party: { account, device }, verb: read.value });
    return asked.ok ? c.json(asked.value) : asked.response;
  })
  .post('/v1/calls/:call/tickets', authenticated, async (c) => {
    const name = c.req.param('call');
    if (!v.is(CallId, name)) return problem(c, 'not-found', 'unknown-call');
    const { account, device } = c.var.caller;
    const asked = await ask<{ ticket: string; expiresAt: number }>(c, callOf(name), {
      do: 'ticket',
      party: { account, device },
    });
    if (!asked.ok) return asked.response;
    if (asked.value.ok) return c.json({ ticket: asked.value.ticket, expiresAt: asked.value.expiresAt }, 201);
    const { slug, reason } = ofActor(asked.value.reason);
    return problem(c, slug, reason);
  })
  .get('/v1/calls/:call/socket', limited('sockets'), (c) => {
    const refused = upgradeRefusal(c);
    if (refused) return refused;
    const name = c.req.param('call');
    const [protocol, ticket] = subprotocols(c);
    if (protocol !== CALL_PROTOCOL || ticket === undefined || !/^[A-Za-z0-9_-]{43}$/.test(ticket))
      return problem(c, 'bad-request', 'subprotocol');
    if (!v.is(CallId, name)) return problem(c, 'not-found', 'unknown-call');
    return upgrade(c, callOf(name), {
      tags: [],
      body: { do: 'socket', ticket },
      protocol,
    });
  });
