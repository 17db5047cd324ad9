/**
 * The group of one call: runs the pure machine of src/calls/group-client.ts, with the log, the secrets and the calls' own ways to
 * the server. What may be done when is decided there; here is only how.
 */
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { fromHex, hex } from '../../bytes/hex.ts';
import { concat, equal } from '../../bytes/join.ts';
import {
  type BareVerb,
  emptyGroupClient,
  type GroupClient,
  type GroupEffect,
  type GroupInput,
  type KeysFrame,
  stepGroup,
} from '../../calls/group-client.ts';
import { accountBytes, deviceBytes } from '../../directory/account.ts';
import type { CallFrame, Reply, Verb } from '../../protocol/call.ts';
import type { GroupEvents, GroupPart, Participant } from '../calls/group-call.ts';
import type { Ground } from '../calls/ground.ts';
import { type HeldCall, outgrow } from '../calls/held.ts';
import { Timers } from '../calls/timers.ts';
import { ERASE_AFTER_MS } from '../crypto/group/keyring.ts';
import { nameOf, NO_ADMISSION, type Roster } from '../crypto/group/roster.ts';
import { type Join, signStatement, type Statement } from '../crypto/group/statement.ts';
import { decodeBatch, encodeBatch, encodeProof } from '../crypto/group/wire.ts';
import { spkiOf } from '../crypto/point.ts';
import type { Bytes } from '../crypto/provider.ts';
import { groupCode } from '../crypto/safety.ts';
import { CallsignError } from '../errors.ts';
import { ownHead } from '../identity.ts';
import { addPeer, found, onInviterFrame, type Adding } from './adding.ts';
import { GroupFace, NO_KEYS } from './face.ts';
import { type Invited, readInvited } from './invited.ts';
import { type Entry, GroupLog, plain } from './log.ts';
import { frameKeysOf } from './frame-keys.ts';
import { GroupSecrets } from './secrets.ts';

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
  farewell: Verb | null = null;
  readonly #invited: Invited | null;
  readonly #secrets: GroupSecrets;
  readonly #timers: Timers;
  /** Own batches by epoch, to be said once more. */
  readonly #batches = new Map<number, Verb>();
  /** What waits for this device to be a member. */
  readonly #waiting = new Set<(reason: string | null) => void>();
  #client: GroupClient;
  /** Entries and epochs, one after another, in the machine's order. */
  #queue: Promise<void> = Promise.resolve();
  #name: Bytes | null = null;
  #refreshing: Promise<void> = Promise.resolve();
  #outgrown = false;
  #over = false;

  constructor(ground: Ground, held: HeldCall) {
    this.ground = ground;
    this.held = held;
    this.callId = fromHex(held.call.id) ?? new Uint8Array();
    this.#invited = readInvited(held.invitation?.content.group);
    this.newcomer = this.#invited !== null;
    this.#secrets = new GroupSecrets(ground.config.crypto);
    this.#timers = new Timers(ground.config.after);
    this.#client = emptyGroupClient(this.#self);
    const hashes = new Set(this.#invited ? [hex(this.#invited.founder)] : []);
    this.log = new GroupLog(ground, this.callId, {
      hashes,
      get peer() {
        return held.session?.peer ?? null;
      },
    });
    this.face = new GroupFace({
      add: (peer) => addPeer(this, peer),
      remove: (id) => this.#remove(id),
      rekey: () => this.step({ type: 'rekey' }),
      leave: () => held.call.hangup(),
      code: () => this.#code(),
    });
  }

  get #self(): { account: string; device: string } {
    const { account, device } = this.ground.api.identity;
    return { account, device };
  }

  get own(): string | null {
    return this.#client.own;
  }

  // What the call asks of its group.

  async answer(attempt: number): Promise<Verb> {
    const body = await this.join(this.#invited!.admission);
    this.step({ type: 'start', joining: true });
    const message = hex(this.ground.config.crypto.random(16));
    return { verb: 'answer', call: this.held.call.id, attempt, message, body, media: [...this.held.call.media] };
  }

  #opens = 0;
  /** A call of two that was never away has missed nothing. */
  opened(): void {
    if (this.newcomer || this.#client.handed > 0 || this.#opens++ > 0) this.step({ type: 'open' });
  }

  frame(frame: CallFrame): void {
    if (this.#over) return;
    if (frame.type === 'peer-lost' || frame.type === 'peer-back')
      this.#connection(frame.device, frame.type === 'peer-back');
    else if (!onInviterFrame(this, frame)) this.step({ type: 'frame', frame });
  }

  erase(): void {
    this.#over = true;
    this.#timers.stop();
    this.#secrets.erase();
    this.#batches.clear();
    for (const wake of this.#waiting) wake('ended');
    this.#waiting.clear();
    this.face.frameKeys = NO_KEYS;
    this.face.epoch = null;
  }

  // The machine and its effects.

  step(input: GroupInput): void {
    if (this.#over) return;
    const { group, effects } = stepGroup(this.#client, input, this.ground.now());
    this.#client = group;
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: GroupEffect): void {
    switch (effect.type) {
      case 'fold':
        return this.#next(() => this.#fold(effect.proof));
      case 'fetch':
        return this.behind(() => this.#fetch(effect.after));
      case 'join':
        return this.behind(() => this.#joinAgain());
      case 'enter':
        return this.#next(() => this.#enter(effect.epoch, effect.proofs));
      case 'make':
        return this.#next(async () => this.behind(() => this.#make(effect.epoch)));
      case 'open':
        return this.#next(async () => this.behind(() => this.#open(effect.frame)));
      case 'again':
        return this.#again(effect.epoch);
      case 'activate':
        return this.#activate(effect.epoch);
      case 'erase':
        return this.#sweep();
      case 'stop':
        return this.refresh();
      case 'send':
        return this.behind(async () => void (await this.say(effect.verb)));
      case 'missing':
        return this.#missing(effect.epoch, effect.ids);
      case 'mismatch':
        return this.alarm('other-roster', `epoch ${effect.epoch}`, this.participant(effect.id));
      case 'refused':
        return this.alarm('refused-epoch', effect.reason);
      case 'timer':
        return this.#timer(effect.key, effect.at);
    }
  }

  #timer(key: string, at: number | null): void {
    this.#timers.set(key, at === null ? null : at - this.ground.now(), () => this.step({ type: 'timer', key }));
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
    while (!this.#over) {
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

  // The log.

  async #fold(text: string): Promise<void> {
    const entry = await this.log.fold(text);
    if (this.#over) return;
    if (entry.refused !== null) this.alarm('refused-proof', entry.refused);
    if (this.log.broken) return this.#break('the log does not begin as it must');
    if (this.log.departed === this.log.entries) this.#secrets.keyring.departed(this.ground.now());
    const own = this.#ownIn(entry);
    if (own && !(await this.#enters(own))) return;
    const { account } = this.#self;
    const admitted = !this.newcomer && this.log.admissionOf(accountBytes(account)!) !== null;
    const departed = this.log.departed === this.log.entries;
    this.#show(entry);
    this.step({ type: 'folded', members: this.log.members, departed, admitted });
    if (own) this.#entered();
  }

  /** The own participant id, if this entry is the own JOIN. */
  #ownIn({ proof }: Entry): Bytes | null {
    if (proof?.statement.kind !== 'join') return null;
    const { participant } = proof.statement;
    const { account, device } = plain({ ...this.log.everybody.get(hex(participant))! });
    return account === this.#self.account && device === this.#self.device ? participant : null;
  }

  /** A newcomer is in the group that it was invited to, by who invited it, or it leaves. */
  async #enters(participant: Bytes): Promise<boolean> {
    const { roster } = this.log;
    const { api, config } = this.ground;
    if (this.#invited && !this.#isAsInvited(roster!)) {
      this.#break('not the group of the invitation');
      return false;
    }
    const { account, device, key } = api.identity;
    this.#name = await nameOf(config.crypto, accountBytes(account)!, deviceBytes(device)!, key.publicKey);
    const proof = await this.signed({ kind: 'leave', participant });
    this.farewell = { verb: 'leave', call: this.held.call.id, attempt: 0, proof };
    return true;
  }

  #isAsInvited({ admissions }: Roster): boolean {
    const admission = admissions.get(hex(this.#invited!.admission));
    const by = admission && this.log.everybody.get(admission.by);
    const sender = this.held.invitation?.header.sender;
    return (
      by !== undefined &&
      sender !== undefined &&
      hex(by.account) + hex(by.device) === hex(sender.account) + hex(sender.device)
    );
  }

  #entered(): void {
    const call = this.held.call.id;
    this.ground.step(this.newcomer ? { type: 'peer-confirmed', call } : { type: 'grouped', call });
    for (const wake of this.#waiting) wake(null);
    this.#waiting.clear();
  }

  /** Nothing of this group is believed: who came for it goes; a call of two goes on as it was. */
  #break(reason: string): void {
    this.alarm('broken', reason);
    for (const wake of this.#waiting) wake('broken');
    this.#waiting.clear();
    if (this.newcomer) this.held.call.hangup();
  }

  #show({ before, after, proof }: Entry): void {
    if (this.#client.own === null && !after?.members.size) return;
    const earlier = [...(before?.members.values() ?? [])].map(plain);
    const now = [...(after?.members.values() ?? [])].map(plain);
    const shown = (one: (typeof now)[number]): Participant => ({ ...one, self: one.device === this.#self.device });
    this.face.participants = now.map(shown);
    const kind = proof?.statement.kind;
    const how = kind === 'remove' ? 'removed' : kind === 'leave' ? 'left' : 'replaced';
    const came = now.filter(({ id }) => !earlier.some((one) => one.id === id));
    const went = earlier.filter(({ id }) => !now.some((one) => one.id === id));
    for (const one of went) this.face.tell('left', { participant: shown(one), how });
    for (const one of came) this.face.tell('joined', shown(one));
    if (came.length + went.length > 0) this.face.tell('roster', this.face.participants);
  }

  participant(id: string): Participant | null {
    const member = this.log.everybody.get(id);
    return member ? { ...plain(member), self: id === this.own } : null;
  }

  alarm(what: GroupEvents['alarm']['what'], reason: string, participant: Participant | null = null): void {
    if (this.#over) return;
    this.face.tell('alarm', { what, reason, participant });
    if (what !== 'refused-epoch') this.ground.suspicious(this.held.call.id, `group-${what}: ${reason}`);
  }

  #connection(device: string, here: boolean): void {
    const participant = this.face.participants.find((one) => one.device === device);
    if (participant) this.face.tell('connection', { participant, here });
  }

  // Epochs.

  async #enter(epoch: number, proofs: number): Promise<void> {
    const roster = this.log.views.get(proofs);
    // Somebody went while this waited its turn.
    if (roster && proofs >= this.log.departed) await this.#secrets.enter(epoch, roster);
  }

  async #make(epoch: number): Promise<void> {
    const { config, api } = this.ground;
    const batch = this.#name && (await this.#secrets.make(epoch, this.#name, api.identity.key));
    if (!batch || this.#over) return;
    const message = hex(config.crypto.random(16));
    const body = base64url(encodeBatch(batch));
    const verb: Verb = { verb: 'keys', call: this.held.call.id, attempt: 0, epoch, message, body };
    this.#batches.set(epoch, verb);
    this.step({ type: 'made', epoch });
    await this.ground.say(verb);
  }

  #again(epoch: number): void {
    const verb = this.#batches.get(epoch);
    if (verb) this.behind(async () => void (await this.ground.say(verb)));
  }

  async #open({ epoch, body }: KeysFrame): Promise<void> {
    const bytes = fromBase64url(body);
    const batch = bytes && decodeBatch(bytes);
    if (!batch || !this.#name) return this.alarm('refused-keys', 'malformed');
    const opened = await this.#secrets.open(epoch, this.#name, batch);
    if (this.#over) return;
    const id = opened.sender ? hex(opened.sender.participant) : null;
    if (!opened.ok) {
      const sender = id === null ? null : this.participant(id);
      if (opened.reason === 'second-key') return this.alarm('second-key', `epoch ${epoch}`, sender);
      if (opened.reason === 'wrong-roster') return this.step({ type: 'opened', epoch, id, mismatch: true });
      if (opened.reason !== 'unknown-epoch') this.alarm('refused-keys', opened.reason, sender);
      return;
    }
    this.step({ type: 'opened', epoch, id, mismatch: false });
    const participant = opened.repeated || id === null ? null : this.participant(id);
    if (!participant) return;
    this.face.tell('keys', { participant, epoch });
    this.refresh();
    this.#outgrow();
  }

  #activate(epoch: number): void {
    if (!this.#secrets.keyring.activate(epoch, this.ground.now())) return;
    this.face.epoch = epoch;
    this.refresh();
    this.face.tell('epoch', epoch);
    this.#outgrow();
  }

  /** Once this device sends under an epoch of which it has the peer's key, too: what was under way is here ten seconds later. */
  #outgrow(): void {
    const { held, face, log } = this;
    const [own, epoch] = [held.session?.peer, face.epoch];
    if (!own || epoch === null || this.#outgrown) return;
    const members = [...(log.roster?.members.values() ?? [])];
    const peer = members.find(({ account, device }) => equal(account, own.account) && equal(device, own.device));
    if (!peer || !this.#secrets.keyring.receiving(epoch, peer.name)) return;
    this.#outgrown = true;
    this.#timers.set('outgrow', ERASE_AFTER_MS, () => outgrow(held));
  }

  #missing(epoch: number, ids: readonly string[]): void {
    const participants = ids.flatMap((id) => this.participant(id) ?? []);
    this.face.tell('missing', { participants, epoch });
  }

  #sweep(): void {
    this.#secrets.sweep(this.ground.now());
    const kept = this.#secrets.epochs;
    for (const epoch of this.#batches.keys()) if (!kept.some((one) => one.epoch === epoch)) this.#batches.delete(epoch);
    const needed = Object.values(this.#client.epochs).map(({ proofs }) => proofs);
    this.log.forget(Math.min(this.log.entries, ...needed));
    this.refresh();
  }

  /** The keys of the frames as they are now, told when they have changed. */
  refresh(): void {
    this.#refreshing = this.#refreshing.then(async () => {
      if (this.#over || !this.#name) return;
      const keys = await frameKeysOf(this.#secrets, this.callId, this.#name, this.ground.now());
      if (this.#over) return;
      this.face.frameKeys = keys;
      this.face.tell('frameKeys', keys);
    });
  }

  // What this device signs.

  async signed(statement: Statement): Promise<string> {
    const { key, chain } = this.ground.api.identity;
    const signed = await signStatement(key, this.callId, statement);
    return base64url(encodeProof(this.callId, { ...signed, certificates: statement.kind === 'join' ? chain : [] }));
  }

  async joining(admission: Bytes): Promise<Join> {
    const { config, api } = this.ground;
    const { account, device } = this.#self;
    const head = await ownHead(config, account);
    return {
      kind: 'join',
      participant: config.crypto.random(16),
      account: accountBytes(account)!,
      device: deviceBytes(api.identity.device === device ? device : '')!,
      manifest: { version: head.version, hash: fromBase64url(head.hash)! },
      prekey: await this.#secrets.firstPrekey(),
      admission,
    };
  }

  async join(admission: Bytes): Promise<string> {
    return this.signed(await this.joining(admission));
  }

  /** Under the admission that stands; the founder has none and needs none. */
  async #joinAgain(): Promise<void> {
    const member = this.own === null ? null : this.log.roster?.members.get(this.own);
    const standing = member?.admission ?? this.log.admissionOf(accountBytes(this.#self.account)!);
    const proof = await this.join(standing === null ? NO_ADMISSION : fromHex(standing)!);
    const reply = await this.say({ verb: 'join', proof });
    if (reply?.ok) this.step({ type: 'open' });
  }

  /** Resolves when this device is a member; founds the group when there is none. */
  async membership(account: Bytes): Promise<void> {
    if (this.own !== null) return;
    const member = new Promise<string | null>((resolve) => this.#waiting.add(resolve));
    if (this.#client.handed === 0) await found(this, account);
    const failed = await member;
    if (failed === 'broken') throw new CallsignError('call', 'broken');
    if (failed !== null) throw new CallsignError('call', 'ended');
  }

  async #remove(id: string): Promise<void> {
    const participant = fromHex(this.own ?? '');
    const member = this.log.roster?.members.get(id);
    if (this.own === null || !participant || !member) throw new CallsignError('call', 'not-a-participant');
    const admission = this.log.roster?.admissions.get(member.admission);
    if (this.log.roster?.creator !== this.own && admission?.by !== this.own)
      throw new CallsignError('call', 'not-allowed');
    const proof = await this.signed({ kind: 'remove', participant, removed: member.participant });
    const { account, device } = plain(member);
    this.#secrets.keyring.departed(this.ground.now());
    this.step({ type: 'removing', id, taken: true });
    const reply = await this.say({ verb: 'remove', account, device, proof });
    if (reply?.ok) return;
    if (reply) this.step({ type: 'removing', id, taken: false });
    throw new CallsignError('call', reply?.reason ?? 'unanswered');
  }

  async #code(): Promise<string> {
    const { crypto } = this.ground.config;
    const members = [...(this.log.roster?.members.values() ?? [])];
    const ends = members.map(async ({ account, identityKey }) => ({
      account,
      spki: await crypto.sha256(concat(spkiOf(identityKey))),
    }));
    return groupCode(crypto, this.callId, await Promise.all(ends));
  }
}
