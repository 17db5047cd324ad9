import { activeStreams } from '../../courier/mailbox.ts';
import {
  ACK_WEIGHT,
  CLOSE,
  FRAME_BURST,
  FRAMES_PER_SECOND,
  parseClientFrame,
  RESTART_AFTER_MS,
  RESTART_SPREAD_MS,
  type ServerFrame,
} from '../../protocol/courier.ts';
import { base64url } from '../../bytes/base64url.ts';
import { onEventCommand, onEventsDue, record } from '../events.ts';
import { exported } from '../own-rows.ts';
import type { Actor, Arrival, Event, Json, Reply, Socket, Turn } from '../port.ts';
import { BOX_DEADLINE, obeyMailbox } from './box.ts';
import { admitForRenewal, certifiedUntil, isDormant, mayOnlyPart, renewed } from './certified.ts';
import type { DeviceCommand, Greeting } from './command.ts';
import { keysFor, markUsed } from './claims.ts';
import { DEVICE_EXPORT } from './export.ts';
import { addOneTime, dropOneTime, keyStatus, publish } from './keys.ts';
import { streamsOf } from './rows.ts';
import { deviceSchema, deviceTables } from './schema.ts';
import { type Self, selfOf } from './self.ts';
import { showSubscription, subscribe, testPush, unsubscribe } from './subscription.ts';
import { wake } from './wake.ts';
import { claimWakeup, gone, onWakeupsDue, settleWakeup, WAKEUP_DEADLINE } from './wakeup.ts';

/** Tag of the sockets that couriers are. */
export const COURIER_TAG = 'courier';

/** A call that cannot be reached for so long has ended by its own deadlines. */
const GONE_LIFE_MS = 3_600_000;

const UNKNOWN: Json = { ok: false, reason: 'unknown-device' };

/** A device: its mailbox, its one courier connection, its published keys. */
export const device: Actor<DeviceCommand> = {
  kind: 'device',
  tables: deviceTables,
  schema: deviceSchema,

  admit(arrival: Arrival): DeviceCommand {
    if (arrival.type !== 'frame') return arrival.body as DeviceCommand;
    if (typeof arrival.body !== 'string') return { do: 'bad-frame', reason: 'bad-frame' };
    const parsed = parseClientFrame(arrival.body);
    return parsed.ok ? { do: 'frame', frame: parsed.frame } : { do: 'bad-frame', reason: parsed.reason };
  },

  pace: {
    burst: FRAME_BURST,
    perSecond: FRAMES_PER_SECOND,
    weigh: (command) => (command.do === 'frame' && command.frame.type === 'ack' ? ACK_WEIGHT : 1),
    hurried: { do: 'bad-frame', reason: 'too-fast' },
  },

  /** Acknowledgments, which nobody acknowledges, and answers to mail, which a device does not heed. */
  canWait: (turn) => turn.type === 'answered' || (turn.body.do === 'frame' && turn.body.frame.type === 'ack'),

  farewell(tags, crowd): string | null {
    if (!tags.includes(COURIER_TAG)) return null;
    const spreadMs = Math.min(Math.max(crowd, RESTART_SPREAD_MS.least), RESTART_SPREAD_MS.most);
    return JSON.stringify({ type: 'reconnect', afterMs: RESTART_AFTER_MS, spreadMs } satisfies ServerFrame);
  },

  turn(t: Turn, event: Event<DeviceCommand>): Json {
    if (event.type === 'answered') return replied(t, event.key, event.reply);
    const self = selfOf(t);
    switch (event.type) {
      case 'command':
        return obey(t, self, event.body);
      case 'opened':
        return open(t, self, event.socket, event.body);
      case 'frame':
        return self ? hear(t, self, event.socket, event.body) : null;
      case 'closed':
        if (self) obeyMailbox(t, self, { type: 'closed', connection: event.socket.id });
        return null;
      case 'due':
        if (onEventsDue(t, event.key) || !self) return null;
        if (event.key === BOX_DEADLINE) obeyMailbox(t, self, { type: 'due' });
        if (event.key === WAKEUP_DEADLINE) onWakeupsDue(t);
        return null;
      case 'hinted':
        return null;
    }
  },
};

function obey(t: Turn, self: Self | null, command: DeviceCommand): Json {
  if (command.do === 'register') return register(t, self, command);
  if (!self) return UNKNOWN;
  switch (command.do) {
    case 'push-token':
      return rotate(t, self, command.pushTokenHash);
    case 'publish':
      return publish(t, self, command);
    case 'one-time':
      return addOneTime(t, command.upload);
    case 'drop-one-time':
      return dropOneTime(t);
    case 'key-status':
      return { ok: true, status: keyStatus(t) };
    case 'keys-for':
      return keysFor(t, self, command);
    case 'active-calls':
      return { ok: true, calls: activeStreams(streamsOf(t)) };
    case 'push-subscription':
      return showSubscription(t);
    case 'push-subscribe':
      return self.revokedAt === null ? subscribe(t, command) : { ok: false, reason: 'device-revoked' };
    case 'push-unsubscribe':
      return unsubscribe(t);
    case 'push-test':
      return testPush(t);
    case 'push-gone':
      gone(t, self, command.subscription);
      return { ok: true };
    case 'wakeup':
      return claimWakeup(t, self, command.seq);
    case 'wakeup-sent':
      return settleWakeup(t, self, command);
    case 'wake': {
      const refused = judgeGreeting(t, self, command);
      return refused === null ? wake(t, command.tag) : { ok: false, reason: REFUSAL[refused] };
    }
    case 'put':
      markUsed(t, command.envelope);
      return self.revokedAt === null
        ? obeyMailbox(t, self, { type: 'put', envelope: command.envelope })
        : { ok: false, reason: 'revoked' };
    case 'revoke':
      return revoke(t, self, command.reason);
    case 'erase':
      return erase(t, self, command.account);
    case 'export':
      return { ok: true, tables: exported(t, DEVICE_EXPORT) };
    case 'renewed':
      return renewed(t, self, command.notAfter);
    case 'events':
    case 'events-shipped':
      return onEventCommand(t, command);
    default:
      return { ok: false, reason: 'malformed' };
  }
}

/** Only its enrollment makes a device; the account and key it is bound to never change, its push token may. */
function register(t: Turn, self: Self | null, command: DeviceCommand & { do: 'register' }): Json {
  if (self && (self.account !== command.account || self.revokedAt !== null))
    return { ok: false, reason: 'registered-otherwise' };
  t.run(
    `INSERT INTO device_self (actor, account, key, push_token_hash, registered_at) VALUES (?1, ?2, ?3, ?4, ?5)
     ON CONFLICT (actor) DO UPDATE SET key = excluded.key, push_token_hash = excluded.push_token_hash`,
    command.account,
    command.key,
    command.pushTokenHash,
    t.now,
  );
  return { ok: true };
}

/** A connection that it has stays: it was opened under the token that counted then. */
function rotate(t: Turn, self: Self, pushTokenHash: string): Json {
  if (self.revokedAt !== null) return { ok: false, reason: 'device-revoked' };
  t.run(`UPDATE device_self SET push_token_hash = ?2 WHERE actor = ?1`, pushTokenHash);
  return { ok: true };
}

/** The hello verified outside; whose device this is and which push token counts is decided here. */
function open(t: Turn, self: Self | null, socket: Socket, hello: DeviceCommand): Json {
  if (hello.do !== 'courier' || !self) return refuse(socket, CLOSE.forbidden, 'unknown device');
  const refused = judgeGreeting(t, self, hello);
  if (refused !== null) return refuse(socket, refused === 'revoked' ? CLOSE.revoked : CLOSE.forbidden, refused);
  const certified = certifiedUntil(t, self, hello.notAfter ?? null);
  if (isDormant(t, certified)) return admitForRenewal(socket, certified);
  const { box, lastSeq, nextNonce } = hello;
  obeyMailbox(t, self, {
    type: 'open',
    connection: socket.id,
    box,
    lastSeq,
    nextNonce,
    freshBox: base64url(t.random(16)),
  });
  return null;
}

type Ungreeted = 'revoked' | 'another key' | 'another push token' | 'used nonce';

/** The same over HTTP. */
const REFUSAL: Readonly<Record<Ungreeted, string>> = {
  revoked: 'device-revoked',
  'another key': 'another-key',
  'another push token': 'push-token',
  'used nonce': 'hello-replayed',
};

function judgeGreeting(t: Turn, self: Self, hello: Greeting): Ungreeted | null {
  if (self.revokedAt !== null) return 'revoked';
  if (self.account !== hello.account || self.key !== hello.key) return 'another key';
  if (self.pushTokenHash !== hello.pushTokenHash) return 'another push token';
  return useNonce(t, hello.nonce) ? null : 'used nonce';
}

/** False for a hello that was shown before. */
function useNonce(t: Turn, { id, until }: { readonly id: string; readonly until: number }): boolean {
  t.run(`DELETE FROM device_nonce WHERE actor = ?1 AND until <= ?2`, t.now);
  return t.run(`INSERT OR IGNORE INTO device_nonce (actor, id, until) VALUES (?1, ?2, ?3)`, id, until) > 0;
}

function refuse(socket: Socket, code: number, reason: string): null {
  socket.close(code, reason);
  return null;
}

function hear(t: Turn, self: Self, socket: Socket, command: DeviceCommand): Json {
  if (command.do === 'bad-frame') {
    obeyMailbox(t, self, { type: 'bad-frame', connection: socket.id, reason: command.reason });
    return null;
  }
  if (command.do !== 'frame') return null;
  const { frame } = command;
  if (frame.type === 'ack') obeyMailbox(t, self, { type: 'ack', connection: socket.id, upTo: frame.upTo });
  if (frame.type === 'call') forward(t, self, socket, frame.request, frame.verb);
  return null;
}

/** A verb for a call: the Call decides; what it says comes back on the socket that asked. */
function forward(
  t: Turn,
  self: Self,
  socket: Socket,
  request: string,
  verb: { readonly [name: string]: unknown },
): void {
  const call = typeof verb['call'] === 'string' && /^[0-9a-f]{32}$/.test(verb['call']) ? verb['call'] : null;
  if (call === null) {
    socket.send(JSON.stringify({ type: 'reply', request, reply: { ok: false, reason: 'malformed' } }));
    return;
  }
  if (mayOnlyPart(t, self, verb['verb'])) {
    socket.send(JSON.stringify({ type: 'reply', request, reply: { ok: false, reason: 'certificate-expired' } }));
    return;
  }
  const party = { account: self.account, device: self.device };
  t.ask({ kind: 'call', name: call }, `reply ${socket.id} ${request}`, { do: 'verb', party, verb: verb as Json });
}

/** Answers of calls to verbs; a socket that is gone asks again over its next one. */
function replied(t: Turn, key: string, reply: Reply): Json {
  const [what, id, ...request] = key.split(' ');
  if (what !== 'reply') return null;
  const socket = t.sockets().find((one) => one.id === id);
  const answer = reply.ok ? reply.value : { ok: false, reason: 'unavailable' };
  socket?.send(JSON.stringify({ type: 'reply', request: request.join(' '), reply: answer }));
  return null;
}

/** After its account was closed. Calls are asked and not mailed: mail would go with the rows. */
function erase(t: Turn, self: Self, account: string): Json {
  if (self.account !== account) return { ok: false, reason: 'unknown-device' };
  const party = { account, device: self.device };
  for (const call of activeStreams(streamsOf(t))) t.ask({ kind: 'call', name: call }, 'gone', { do: 'gone', party });
  for (const socket of t.sockets()) socket.close(CLOSE.revoked, 'owner: closed');
  t.erase();
  return { ok: true };
}

/** From the account, in the commit that decided it: nothing more comes in, the courier goes down. */
function revoke(t: Turn, self: Self, reason: string): Json {
  if (self.revokedAt !== null) return { ok: true };
  t.run(`UPDATE device_self SET revoked_at = ?2 WHERE actor = ?1`, t.now);
  for (const socket of t.sockets()) socket.close(CLOSE.revoked, reason);
  const party = { account: self.account, device: self.device };
  for (const call of activeStreams(streamsOf(t)))
    t.post({ kind: 'call', name: call }, 'gone', { do: 'gone', party }, t.now + GONE_LIFE_MS);
  unsubscribe(t);
  record(t, { type: 'device.closed', severity: 'notice', subject: self.device, reason });
  return { ok: true };
}
