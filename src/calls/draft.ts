/** One turn of a call: a copy of its state that the rules write to, and the effects in order. */
import type { CallFrame, CallState, Party, PlaneFrame, RefusalReason, Reply, StateFrame } from '../protocol/call.ts';
import { CONTROL_KEEP_MS, IN_CALL_LEASE_MS, LATE_GRACE_MS } from '../protocol/call.ts';
import { TOPIC } from '../protocol/courier.ts';
import type { Call, Leg, Talker } from './call.ts';
import type { CallMail } from './command.ts';
import type { AccountMail, CallEventType, Effect } from './effect.ts';

type Body<F> = F extends unknown ? Omit<F, 'call' | 'rev' | 'at'> : never;
export type StateBody = Body<StateFrame>;
export type PlaneBody = Body<PlaneFrame>;

/** Frames after which a device hears no more of the call, unless it is invited again. */
const END: ReadonlySet<string> = new Set<StateFrame['type']>(['cancelled', 'ended', 'elsewhere']);
/** Frames after which an inviter that is not in the call hears no more of it, unless it invites again. */
const REFUSED: ReadonlySet<string> = new Set<StateFrame['type']>(['denied', 'stale-devices', 'stale-capability']);

/** Bodies between devices: recognized by message id, so they do not raise the revision. */
const CONTENT: ReadonlySet<string> = new Set<PlaneFrame['type']>(['signal', 'keys']);

export class Draft {
  readonly call: Call;
  readonly effects: Effect[] = [];
  readonly now: number;

  constructor(call: Call, now: number) {
    this.now = now;
    this.call = {
      ...call,
      waiting: [...call.waiting],
      legs: call.legs.map((leg) => ({ ...leg })),
      talkers: call.talkers.map((talker) => ({ ...talker })),
      group: call.group && (JSON.parse(JSON.stringify(call.group)) as Call['group']),
      replies: { ...call.replies },
    };
  }

  leg(party: Party): Leg | null {
    return this.call.legs.find((leg) => leg.device === party.device && leg.account === party.account) ?? null;
  }

  talker(party: Party): Talker | null {
    return this.call.talkers.find((one) => one.device === party.device && one.account === party.account) ?? null;
  }

  /** Tells one device, durably and in order. `from` is the account at the other end, as the device sees it. */
  tell(to: Party, body: StateBody): void {
    const frame = this.#frame(body);
    const invitation = body.type === 'invite';
    const expires = this.#expiry(body);
    const talker = this.talker(to);
    this.#mail(to, frame, {
      from: this.#peer(to),
      collapse: body.type === 'grant' ? null : this.call.id,
      expires,
      priority: invitation ? 'urgent' : 'normal',
      control: !invitation,
      volatile: false,
      receipt: invitation ? this.call.id : null,
      order: { stream: this.call.id, rev: frame.rev, last: END.has(body.type) || (REFUSED.has(body.type) && !talker) },
      push: invitation
        ? { call: this.call.id, deadline: body.ringDeadline, media: body.media, from: this.#peer(to) }
        : null,
    });
    if (body.type === 'ended' && talker?.socket === true) this.effects.push({ type: 'frame', to, frame });
  }

  /** Over the call plane, by socket, or through the mailbox while there is none. */
  plane(to: Talker, body: PlaneBody): void {
    const frame = this.#frame(body);
    const party = { account: to.account, device: to.device };
    if (to.socket) this.effects.push({ type: 'frame', to: party, frame });
    else this.#planeMail(party, frame);
  }

  /** Every talker but those named. */
  others(...except: readonly Party[]): Talker[] {
    return this.call.talkers.filter((one) => !except.some((party) => party.device === one.device));
  }

  account(to: string, mail: AccountMail, until: number): void {
    this.effects.push({ type: 'account', to, mail, until });
  }

  post(to: string, mail: CallMail, until: number): void {
    this.effects.push({ type: 'call', to, mail, until });
  }

  deadline(key: string, at: number | null): void {
    this.effects.push({ type: 'deadline', key, at });
  }

  event(event: CallEventType, reason: string | null = null): void {
    this.effects.push({ type: 'event', event, reason, reference: this.call.reference });
  }

  ok(extra: Partial<Reply & { ok: true }> = {}): Reply & { ok: true } {
    const { id, rev, state, reason } = this.call;
    return { ok: true, call: id, rev, state, serverNow: this.now, ...(reason !== null && { reason }), ...extra };
  }

  refuse(reason: RefusalReason, extra: Partial<Reply & { ok: false }> = {}): Reply & { ok: false } {
    return { ok: false, call: this.call.id, rev: this.call.rev, serverNow: this.now, reason, ...extra };
  }

  is(...states: readonly CallState[]): boolean {
    return states.includes(this.call.state);
  }

  #frame(body: StateBody | PlaneBody): CallFrame {
    if (!CONTENT.has(body.type)) this.call.rev += 1;
    return { ...body, call: this.call.id, rev: this.call.rev, at: this.now };
  }

  #peer(to: Party): string {
    return this.leg(to)?.inviter ?? this.call.callee;
  }

  /** An invitation lives as long as it can be answered; everything else a little longer than the ring could. */
  #expiry(body: StateBody): number {
    if (body.type === 'invite') return body.ringDeadline + LATE_GRACE_MS;
    return Math.max(this.now, this.call.ringDeadline ?? 0, this.call.connectDeadline ?? 0) + CONTROL_KEEP_MS;
  }

  #planeMail(to: Party, frame: CallFrame): void {
    this.#mail(to, frame, {
      from: this.#peer(to),
      collapse: null,
      expires: this.now + IN_CALL_LEASE_MS,
      priority: 'normal',
      control: true,
      volatile: true,
      receipt: null,
      order: { stream: this.call.id, rev: null, last: false },
      push: null,
    });
  }

  #mail(
    to: Party,
    frame: CallFrame,
    rest: Omit<Extract<Effect, { type: 'mail' }>['envelope'], 'id' | 'topic' | 'body'>,
  ): void {
    const topic = rest.volatile ? TOPIC.signal : TOPIC.call;
    const id = `${this.call.id}.${'message' in frame && CONTENT.has(frame.type) ? frame.message : frame.rev}`;
    const party = { account: to.account, device: to.device };
    const envelope = { id, topic, ...rest, body: frame };
    this.effects.push({ type: 'mail', to: party, envelope, until: rest.expires, invitation: frame.type === 'invite' });
  }
}
