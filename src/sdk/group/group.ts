/**
 * The group of one call: runs the pure machine of src/calls/group-client.ts, with the log (membership.ts), the keys (epochs.ts) and
 * the calls' own ways to the server. What may be done when is decided there; here is only how.
 */
import { fromHex, hex } from '../../bytes/hex.ts';
import {
  type BareVerb,
  emptyGroupClient,
  type GroupClient,
  type GroupEffect,
  type GroupInput,
  stepGroup,
} from '../../calls/group-client.ts';
import type { CallFrame, Reply, Verb } from '../../protocol/call.ts';
import type { GroupEvents, GroupPart, Participant } from '../calls/group-call.ts';
import type { Ground } from '../calls/ground.ts';
import type { HeldCall } from '../calls/held.ts';
import { Timers } from '../calls/timers.ts';
import type { Bytes } from '../crypto/provider.ts';
import { CallsignError } from '../errors.ts';
import { addPeer, onInviterFrame, type Adding } from './adding.ts';
import { Epochs } from './epochs.ts';
import { GroupFace } from './face.ts';
import { readInvited } from './invited.ts';
import { GroupLog, plain } from './log.ts';
import { Membership } from './membership.ts';

/** Pause before work of a group that met no server is done again. */
const RETRY_MS = 1_000;

export class Group implements GroupPart {
  readonly face: GroupFace;
  readonly newcomer: boolean;
  readonly ground: Ground;
  readonly held: HeldCall;
  readonly callId: Bytes;
  readonly log: GroupLog;
  /** Whom this device rings, by account. */
  readonly adding = new Map<string, Adding>();
  readonly membership: Membership;
  readonly epochs: Epochs;
  readonly timers: Timers;
  /** The call is over. */
  over = false;
  #client: GroupClient;
  /** Entries and epochs, one after another, in the machine's order. */
  #queue: Promise<void> = Promise.resolve();

  constructor(ground: Ground, held: HeldCall) {
    this.ground = ground;
    this.held = held;
    this.callId = fromHex(held.call.id) ?? new Uint8Array();
    const invited = readInvited(held.invitation?.content.group);
    this.newcomer = invited !== null;
    this.membership = new Membership(this, invited);
    this.epochs = new Epochs(this);
    this.timers = new Timers(ground.config.after);
    this.#client = emptyGroupClient(this.self);
    const hashes = new Set(invited ? [hex(invited.founder)] : []);
    this.log = new GroupLog(ground, this.callId, {
      hashes,
      get peer() {
        return held.session?.peer ?? null;
      },
    });
    this.face = new GroupFace({
      add: (peer) => addPeer(this, peer),
      remove: (id) => this.membership.remove(id),
      rekey: () => this.step({ type: 'rekey' }),
      leave: () => held.call.hangup(),
      code: () => this.membership.code(),
    });
  }

  get self(): { account: string; device: string } {
    const { account, device } = this.ground.api.identity;
    return { account, device };
  }

  get own(): string | null {
    return this.#client.own;
  }

  get farewell(): Verb | null {
    return this.membership.farewell;
  }

  /** Entries of its log came: there is a group. */
  get begun(): boolean {
    return this.#client.handed > 0;
  }

  // What the call asks of its group.

  async answer(attempt: number): Promise<Verb> {
    const body = await this.membership.join(this.membership.invited!.admission);
    this.step({ type: 'start', joining: true });
    const message = hex(this.ground.config.crypto.random(16));
    return { verb: 'answer', call: this.held.call.id, attempt, message, body, media: [...this.held.call.media] };
  }

  #opens = 0;
  /** A call of two that was never away has missed nothing. */
  opened(): void {
    if (this.newcomer || this.begun || this.#opens++ > 0) this.step({ type: 'open' });
  }

  frame(frame: CallFrame): void {
    if (this.over) return;
    if (frame.type === 'peer-lost' || frame.type === 'peer-back')
      this.#connection(frame.device, frame.type === 'peer-back');
    else if (!onInviterFrame(this, frame)) this.step({ type: 'frame', frame });
  }

  erase(): void {
    this.over = true;
    this.timers.stop();
    this.epochs.erase();
    this.membership.erase();
  }

  // The machine and its effects.

  step(input: GroupInput): void {
    if (this.over) return;
    const { group, effects } = stepGroup(this.#client, input, this.ground.now());
    this.#client = group;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: GroupEffect): void {
    switch (effect.type) {
      case 'fold':
        return this.#next(() => this.membership.fold(effect.proof));
      case 'fetch':
        return this.behind(() => this.#fetch(effect.after));
      case 'join':
        return this.behind(() => this.membership.joinAgain());
      case 'enter':
        return this.#next(() => this.epochs.enter(effect.epoch, effect.proofs));
      case 'make':
        return this.#next(async () => this.behind(() => this.epochs.make(effect.epoch)));
      case 'open':
        return this.#next(async () => this.behind(() => this.epochs.open(effect.frame)));
      case 'again':
        return this.epochs.again(effect.epoch);
      case 'activate':
        return this.epochs.activate(effect.epoch);
      case 'erase':
        return this.epochs.sweep(Object.values(this.#client.epochs).map(({ proofs }) => proofs));
      case 'stop':
        return this.epochs.refresh();
      case 'send':
        return this.behind(async () => void (await this.say(effect.verb)));
      case 'missing':
        return this.epochs.missing(effect.epoch, effect.ids);
      case 'mismatch':
        return this.alarm('other-roster', `epoch ${effect.epoch}`, this.participant(effect.id));
      case 'refused':
        return this.alarm('refused-epoch', effect.reason);
      case 'timer':
        return this.#timer(effect.key, effect.at);
    }
  }

  #timer(key: string, at: number | null): void {
    this.timers.set(key, at === null ? null : at - this.ground.now(), () => this.step({ type: 'timer', key }));
  }

  /** One after another: an entry is folded before the epoch that needs it is entered. */
  #next(work: () => Promise<void>): void {
    this.#queue = this.#queue.then(() => this.#patiently(work));
  }

  behind(work: () => Promise<void>): void {
    void this.#patiently(work);
  }

  /** Without a server it is done again while the call lasts; anything else is shown, and the call goes on. */
  async #patiently(work: () => Promise<void>): Promise<void> {
    while (!this.over) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof CallsignError) || error.code !== 'network')
          return this.alarm('broken', error instanceof CallsignError ? error.reason : String(error));
        await new Promise<void>((resolve) => void this.ground.config.after(RETRY_MS, resolve));
      }
    }
  }

  say(verb: BareVerb): Promise<Reply | null> {
    return this.ground.say({ ...verb, call: this.held.call.id, attempt: 0 });
  }

  async #fetch(after: number): Promise<void> {
    const reply = await this.say({ verb: 'proofs', after });
    const { proofs = [], group = null } = reply?.ok ? reply : {};
    await this.log.foresee(proofs);
    this.step({ type: 'fetched', after, proofs, group, again: reply === null });
  }

  participant(id: string): Participant | null {
    const member = this.log.everybody.get(id);
    return member ? { ...plain(member), self: id === this.own } : null;
  }

  alarm(what: GroupEvents['alarm']['what'], reason: string, participant: Participant | null = null): void {
    if (this.over) return;
    this.face.tell('alarm', { what, reason, participant });
    if (what !== 'refused-epoch') this.ground.suspicious(this.held.call.id, `group-${what}: ${reason}`);
  }

  #connection(device: string, here: boolean): void {
    const participant = this.face.participants.find((one) => one.device === device);
    if (participant) this.face.tell('connection', { participant, here });
  }
}
