import { type Call, textOf } from '../../calls/call.ts';
import type { CallCommand, LockAnswer, PolicyAnswer } from '../../calls/command.ts';
import { decide } from '../../calls/decide.ts';
import { type Role, rolesOf } from '../../calls/roles.ts';
import { PLANE_DEADLINE } from '../../calls/talk.ts';
import { view } from '../../calls/view.ts';
import { sightOf } from '../../calls/why.ts';
import type { Decision } from '../../calls/effect.ts';
import {
  type Party,
  PLANE_FRAME_BURST,
  PLANE_FRAMES_PER_SECOND,
  type Reply as VerbReply,
} from '../../protocol/call.ts';
import { type ParsedVerb, parseVerb, type Verb } from '../../protocol/verb.ts';
import { CLOSE, parseClientFrame } from '../../protocol/courier.ts';
import { onEventCommand, onEventsDue } from '../events.ts';
import type { Actor, Arrival, ClosedSocket, Event, Json, Reply, Socket, Turn } from '../port.ts';
import type { CallActorCommand } from './command.ts';
import { carryOut, KEY } from './effects.ts';
import { proofsAfter } from './proofs.ts';
import { onReachDue, onReached, REACH_DEADLINE, unreached } from './reach.ts';
import { heardAt, hurry, keepRelayed, relay, seatFor, seatOf, socketsOf } from './relay.ts';
import { callSchema, callTables } from './schema.ts';
import { makeTicket, spendTicket } from './ticket.ts';

/** Mail whose answer is a move. */
const HEEDED: ReadonlySet<string> = new Set([KEY.invitation, KEY.question, KEY.lock, KEY.call]);

const UNKNOWN = { ok: false, reason: 'unknown-call' } as const;

/** A call: the only arbiter of who is in it. It sees who and when, never what. */
export const call: Actor<CallActorCommand> = {
  kind: 'call',
  tables: callTables,
  schema: callSchema,

  admit(arrival: Arrival): CallActorCommand {
    if (arrival.type === 'frame') return admitFrame(arrival.body);
    const body = arrival.body as { do: string; party: Party; verb: unknown };
    if (body.do === 'verb') return { do: 'verb', party: body.party, verb: parseVerb(body.verb) };
    return arrival.body as CallActorCommand;
  },

  /** Datagrams are counted with their bytes, by the relay. */
  pace: {
    burst: PLANE_FRAME_BURST,
    perSecond: PLANE_FRAMES_PER_SECOND,
    weigh: ({ do: what }) => (what === 'datagram' ? 0 : 1),
    hurried: { do: 'too-fast' },
  },

  /** What the machine does not hear of. */
  canWait: (turn) => turn.type === 'answered' && !HEEDED.has(turn.key.split(' ')[0] ?? ''),

  turn(t: Turn, event: Event<CallActorCommand>): Json {
    switch (event.type) {
      case 'command':
        return obey(t, event.body);
      case 'opened':
        return attach(t, event.socket, event.body);
      case 'frame':
        return hear(t, event.socket, event.body);
      case 'closed':
        return detach(t, event.socket);
      case 'due':
        if (event.key === REACH_DEADLINE) onReachDue(t, load(t));
        else if (event.key === PLANE_DEADLINE) play(t, { type: 'heard', at: heardAt(t) });
        else if (!onEventsDue(t, event.key)) play(t, { type: 'due', key: event.key });
        return null;
      case 'answered':
        return answered(t, event.to.name, event.key, event.reply);
      case 'hinted':
        return unreached(load(t));
    }
  },
};

function admitFrame(body: string | Uint8Array): CallActorCommand {
  if (typeof body !== 'string') return { do: 'datagram', bytes: body };
  const parsed = parseClientFrame(body);
  if (!parsed.ok || parsed.frame.type !== 'call') return { do: 'bad-frame' };
  return { do: 'frame', request: parsed.frame.request, verb: parseVerb(parsed.frame.verb) };
}

/** A call whose state is longer as text is read anew by every turn. */
const MOST_KEPT_CHARS = 32_768;

function load(t: Turn): Call | null {
  return t.recall('call_state', 'state', () => {
    const kept = t.all<{ state: string }>(`SELECT state FROM call_state WHERE actor = ?1`)[0];
    return kept ? (JSON.parse(kept.state) as Call) : null;
  });
}

function save(t: Turn, state: Call): void {
  const text = textOf(state);
  t.run(
    `INSERT INTO call_state (actor, state) VALUES (?1, ?2) ON CONFLICT (actor) DO UPDATE SET state = excluded.state`,
    text,
  );
  if (text.length <= MOST_KEPT_CHARS) t.keep('call_state', 'state', state);
}

/** One move of the machine: decide, write, then its effects in its order. */
function play(t: Turn, command: CallCommand): Decision {
  const before = load(t);
  const decision = decide(before, command, t.now);
  if (decision.call !== null && decision.call !== before) save(t, decision.call);
  for (const effect of decision.effects) carryOut(t, effect);
  return decision;
}

function obey(t: Turn, command: CallActorCommand): Json {
  switch (command.do) {
    case 'verb':
      return say(t, command.party, command.verb);
    case 'ticket':
      return ticketFor(t, command.party);
    case 'look':
      return look(t, command.party);
    case 'sight': {
      const state = load(t);
      return state ? { ok: true, sight: sightOf(state) as unknown as Json } : UNKNOWN;
    }
    case 'gone':
      return gone(t, command.party);
    case 'delivered':
      return known(play(t, { type: 'delivered', party: command.party }));
    case 'call-mail':
      return known(play(t, { type: 'call', mail: command.mail }));
    case 'glare':
      return known(play(t, { type: 'glare', account: command.account, survivor: command.survivor }));
    case 'events':
    case 'events-shipped':
      return onEventCommand(t, command);
    default:
      return { ok: false, reason: 'malformed' };
  }
}

/** As if the device had said it itself: it leaves, takes its own call back, or does not answer. */
function gone(t: Turn, party: Party): Json {
  const state = load(t);
  if (!state) return UNKNOWN;
  const common = { call: state.id, attempt: state.attempt };
  const verbs: Record<Role, Verb> = {
    talker: { verb: 'hangup', ...common },
    caller: { verb: 'cancel', ...common },
    leg: { verb: 'decline', scope: 'device', ...common },
    dropped: { verb: 'leave', ...common },
  };
  for (const role of (['talker', 'dropped', 'caller', 'leg'] as const).filter((one) =>
    rolesOf(state, party).includes(one),
  ))
    if (play(t, { type: 'verb', party, verb: verbs[role] }).reply?.ok) return { ok: true };
  return { ok: true };
}

function known({ call: state }: Decision): Json {
  return state === null ? UNKNOWN : { ok: true };
}

function say(t: Turn, party: Party, parsed: ParsedVerb): VerbReply {
  const head = { call: t.self.name, rev: 0, serverNow: t.now };
  if (!parsed.ok) return { ok: false, ...head, reason: parsed.reason };
  const { verb } = parsed;
  if (verb.call !== t.self.name) return { ok: false, ...head, reason: 'malformed' };
  if (verb.verb === 'unknown') {
    const state = load(t);
    return state
      ? { ok: true, call: state.id, rev: state.rev, state: state.state, serverNow: t.now, ignored: true }
      : { ok: false, ...head, reason: 'unknown-call' };
  }
  const { reply } = play(t, { type: 'verb', party, verb });
  if (verb.verb === 'proofs' && reply?.ok) return { ...reply, proofs: proofsAfter(t, verb.after) };
  return reply ?? { ok: false, ...head, reason: 'unknown-call' };
}

/** Asked of the machine as the verb `socket`; the ticket itself is the actor's. */
function ticketFor(t: Turn, party: Party): Json {
  const state = load(t);
  if (!state) return UNKNOWN;
  const { reply } = play(t, { type: 'verb', party, verb: { verb: 'socket', call: state.id, attempt: state.attempt } });
  if (!reply?.ok) return reply ?? UNKNOWN;
  return { ok: true, ...makeTicket(t, party) };
}

/** For who lost sight of it; a stranger hears what he would of a call that does not exist. */
function look(t: Turn, party: Party): Json {
  const state = load(t);
  const seen = state && view(state, party, t.now);
  return seen ? { ok: true, view: seen as unknown as Json } : UNKNOWN;
}

function attach(t: Turn, socket: Socket, command: CallActorCommand): Json {
  const party = command.do === 'socket' ? spendTicket(t, command.ticket) : null;
  if (!party) {
    socket.close(CLOSE.forbidden, 'no such ticket');
    // Anybody may name a call that is not: what the host noted of the socket goes with it.
    if (!load(t)) t.erase();
    return null;
  }
  for (const older of t.sockets()) {
    const note = older.note as { device?: string } | null;
    if (older.id !== socket.id && note?.device === party.device) older.close(CLOSE.elsewhere, 'connected elsewhere');
  }
  socket.note = seatFor(party, t.now);
  play(t, { type: 'attached', party });
  return null;
}

/** A socket that was displaced by a newer one of the same device is not a loss. */
function detach(t: Turn, socket: ClosedSocket): Json {
  keepRelayed(t, socket);
  const seat = seatOf(socket.note);
  if (!seat || socketsOf(t, seat).length > 0) return null;
  play(t, { type: 'detached', party: { account: seat.account, device: seat.device } });
  return null;
}

function hear(t: Turn, socket: Socket, command: CallActorCommand): Json {
  const seat = seatOf(socket.note);
  if (!seat) return null;
  const party = { account: seat.account, device: seat.device };
  if (command.do === 'frame') {
    const reply = say(t, party, command.verb);
    socket.send(JSON.stringify({ type: 'reply', request: command.request, reply }));
  } else if (command.do === 'datagram') relay(t, load(t), socket, seat, command.bytes);
  else if (command.do === 'too-fast') hurry(socket, seat);
  else socket.close(CLOSE.badFrames, 'no frame of this protocol');
  return null;
}

/** What mail was answered; unavailable is passed on as such, never as no. */
function answered(t: Turn, from: string, key: string, reply: Reply): Json {
  const [what, ...rest] = key.split(' ');
  const value = reply.ok ? (reply.value as { ok?: boolean; reason?: string } | null) : null;
  switch (what) {
    case KEY.invitation: {
      const [account = '', device = '', message = ''] = rest;
      const outcome = !reply.ok ? 'unavailable' : value?.ok ? 'stored' : 'refused';
      const { call: state } = play(t, { type: 'mailed', party: { account, device }, message, outcome });
      onReached(t, state);
      return null;
    }
    case KEY.question:
      play(t, { type: 'policy', attempt: Number(rest[0]), account: from, answer: verdictOf(value) });
      return null;
    case KEY.lock:
      play(t, {
        type: 'lock',
        attempt: Number(rest[0]),
        answer: value && 'lock' in value ? (value as unknown as LockAnswer) : null,
      });
      return null;
    case KEY.call:
      if (!reply.ok || value?.reason === UNKNOWN.reason)
        play(t, { type: 'call-missing', call: rest[0] ?? '', known: reply.ok });
      return null;
    default:
      return null;
  }
}

/** An account that does not exist answers no question: the callee is unknown. */
function verdictOf(value: { ok?: boolean } | null): PolicyAnswer | null {
  if (value && 'verdict' in value) return value as unknown as PolicyAnswer;
  return value?.ok === false ? { verdict: 'callee-unknown' } : null;
}
