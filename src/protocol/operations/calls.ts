import * as v from 'valibot';
import * as api from '../api.ts';
import { CALL_PROTOCOL, CallId } from '../call.ts';
import { IceReply, IceRequest } from '../ice.ts';
import { gives, json, upgraded, type Operation } from './operation.ts';

const AnyVerb = v.looseObject({ verb: v.string(), call: CallId });
const AnyReply = v.looseObject({ ok: v.boolean(), call: CallId });

/** Relays, and the HTTP face of calls. */
export const CALLS: readonly Operation[] = [
  {
    method: 'POST',
    path: '/v1/ice-servers',
    id: 'iceServers',
    summary: 'STUN and TURN servers with credentials that end soon',
    who: 'device',
    takes: json(IceRequest),
    gives: gives(IceReply),
    problems: ['not-found', 'too-many-requests'],
  },
  {
    method: 'GET',
    path: '/v1/calls/active',
    id: 'activeCalls',
    summary: 'What became of the calls whose end this device was not told',
    who: 'device',
    gives: gives(api.ActiveCalls),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/calls/{call}',
    id: 'call',
    summary: 'One call, as its parties see it',
    who: 'device',
    gives: gives(v.looseObject({ call: CallId })),
    problems: ['not-found'],
  },
  {
    method: 'POST',
    path: '/v1/calls/{call}/verbs',
    id: 'sayVerb',
    summary:
      'A verb of the call protocol, for clients without a socket (docs/protocol/calls.md); a refusal of the call is a reply',
    who: 'device',
    takes: json(AnyVerb),
    gives: gives(AnyReply),
    problems: ['not-found'],
  },
  {
    method: 'POST',
    path: '/v1/calls/{call}/tickets',
    id: 'ticket',
    summary: 'Opens the call-plane socket once',
    who: 'device',
    gives: gives(api.Ticket, 201),
    problems: ['not-found', 'refused'],
  },
  {
    method: 'GET',
    path: '/v1/calls/{call}/socket',
    id: 'callSocket',
    summary: `The call plane (docs/protocol/calls.md). Subprotocols: ${CALL_PROTOCOL}, then the ticket.`,
    who: 'socket',
    gives: upgraded,
    problems: ['not-found', 'too-many-requests'],
  },
];
