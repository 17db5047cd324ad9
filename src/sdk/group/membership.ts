/** Who is in a group, and this device's own part in it: the log folded and shown, what this device signs, coming and going. */
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { fromHex, hex } from '../../bytes/hex.ts';
import { concat } from '../../bytes/join.ts';
import { accountBytes, deviceBytes } from '../../directory/account.ts';
import type { Verb } from '../../protocol/call.ts';
import type { Participant } from '../calls/group-call.ts';
import { nameOf, NO_ADMISSION, type Roster } from '../crypto/group/roster.ts';
import { type Join, signStatement, type Statement } from '../crypto/group/statement.ts';
import { encodeProof } from '../crypto/group/wire.ts';
import { spkiOf } from '../crypto/point.ts';
import type { Bytes } from '../crypto/provider.ts';
import { groupCode } from '../crypto/safety.ts';
import { CallsignError } from '../errors.ts';
import { ownHead } from '../identity.ts';
import { found } from './adding.ts';
import type { Group } from './group.ts';
import type { Invited } from './invited.ts';
import { type Entry, plain } from './log.ts';

export class Membership {
  readonly invited: Invited | null;
  /** How headers name this device; null before its JOIN is in the log. */
  name: Bytes | null = null;
  farewell: Verb | null = null;
  readonly #group: Group;
  /** What waits for this device to be a member. */
  readonly #waiting = new Set<(reason: string | null) => void>();

  constructor(group: Group, invited: Invited | null) {
    this.#group = group;
    this.invited = invited;
  }

  erase(): void {
    this.#wake('ended');
  }

  #wake(reason: string | null): void {
    for (const wake of this.#waiting) wake(reason);
    this.#waiting.clear();
  }

  // The log.

  async fold(text: string): Promise<void> {
    const group = this.#group;
    const { log, ground, self } = group;
    const { keyring } = group.epochs.secrets;
    const entry = await log.fold(text);
    if (group.over) return;
    if (entry.refused !== null) group.alarm('refused-proof', entry.refused);
    if (log.broken) return this.#break('the log does not begin as it must');
    if (log.departed === log.entries) keyring.departed(ground.now());
    const own = this.#ownIn(entry);
    if (own && !(await this.#enters(own))) return;
    const admitted = this.invited === null && log.admissionOf(accountBytes(self.account)!) !== null;
    const departed = log.departed === log.entries;
    this.#show(entry);
    group.step({ type: 'folded', members: log.members, departed, admitted });
    if (own) this.#entered();
  }

  /** The own participant id, if this entry is the own JOIN. */
  #ownIn({ proof }: Entry): Bytes | null {
    if (proof?.statement.kind !== 'join') return null;
    const { participant } = proof.statement;
    const { log, self } = this.#group;
    const { account, device } = plain({ ...log.everybody.get(hex(participant))! });
    return account === self.account && device === self.device ? participant : null;
  }

  /** A newcomer is in the group that it was invited to, by who invited it, or it leaves. */
  async #enters(participant: Bytes): Promise<boolean> {
    const { log, ground, held } = this.#group;
    if (this.invited && !this.#isAsInvited(log.roster!, this.invited)) {
      this.#break('not the group of the invitation');
      return false;
    }
    const { api, config } = ground;
    const { account, device, key } = api.identity;
    this.name = await nameOf(config.crypto, accountBytes(account)!, deviceBytes(device)!, key.publicKey);
    const proof = await this.signed({ kind: 'leave', participant });
    this.farewell = { verb: 'leave', call: held.call.id, attempt: 0, proof };
    return true;
  }

  #isAsInvited({ admissions }: Roster, invited: Invited): boolean {
    const { log, held } = this.#group;
    const admission = admissions.get(hex(invited.admission));
    const by = admission && log.everybody.get(admission.by);
    const sender = held.invitation?.header.sender;
    return (
      by !== undefined &&
      sender !== undefined &&
      hex(by.account) + hex(by.device) === hex(sender.account) + hex(sender.device)
    );
  }

  #entered(): void {
    const { ground, held } = this.#group;
    const call = held.call.id;
    ground.step(this.invited ? { type: 'peer-confirmed', call } : { type: 'grouped', call });
    this.#wake(null);
  }

  /** Nothing of this group is believed: who came for it goes; a call of two goes on as it was. */
  #break(reason: string): void {
    this.#group.alarm('broken', reason);
    this.#wake('broken');
    if (this.invited) this.#group.held.call.hangup();
  }

  #show({ before, after, proof }: Entry): void {
    const { face, own, self } = this.#group;
    if (own === null && !after?.members.size) return;
    const earlier = [...(before?.members.values() ?? [])].map(plain);
    const now = [...(after?.members.values() ?? [])].map(plain);
    const shown = (one: (typeof now)[number]): Participant => ({ ...one, self: one.device === self.device });
    face.participants = now.map(shown);
    const kind = proof?.statement.kind;
    const how = kind === 'remove' ? 'removed' : kind === 'leave' ? 'left' : 'replaced';
    const came = now.filter(({ id }) => !earlier.some((one) => one.id === id));
    const went = earlier.filter(({ id }) => !now.some((one) => one.id === id));
    for (const one of went) face.tell('left', { participant: shown(one), how });
    for (const one of came) face.tell('joined', shown(one));
    if (came.length + went.length > 0) face.tell('roster', face.participants);
  }

  // What this device signs.

  async signed(statement: Statement): Promise<string> {
    const { callId, ground } = this.#group;
    const { key, chain } = ground.api.identity;
    const signed = await signStatement(key, callId, statement);
    return base64url(encodeProof(callId, { ...signed, certificates: statement.kind === 'join' ? chain : [] }));
  }

  async joining(admission: Bytes): Promise<Join> {
    const { ground, self, epochs } = this.#group;
    const { config, api } = ground;
    const { account, device } = self;
    const head = await ownHead(config, account);
    return {
      kind: 'join',
      participant: config.crypto.random(16),
      account: accountBytes(account)!,
      device: deviceBytes(api.identity.device === device ? device : '')!,
      manifest: { version: head.version, hash: fromBase64url(head.hash)! },
      prekey: await epochs.secrets.firstPrekey(),
      admission,
    };
  }

  async join(admission: Bytes): Promise<string> {
    return this.signed(await this.joining(admission));
  }

  /** Under the admission that stands; the founder has none and needs none. */
  async joinAgain(): Promise<void> {
    const { log, own, self } = this.#group;
    const member = own === null ? null : log.roster?.members.get(own);
    const standing = member?.admission ?? log.admissionOf(accountBytes(self.account)!);
    const proof = await this.join(standing === null ? NO_ADMISSION : fromHex(standing)!);
    const reply = await this.#group.say({ verb: 'join', proof });
    if (reply?.ok) this.#group.step({ type: 'open' });
  }

  /** Resolves when this device is a member; founds the group when there is none. */
  async reached(account: Bytes): Promise<void> {
    if (this.#group.own !== null) return;
    const member = new Promise<string | null>((resolve) => this.#waiting.add(resolve));
    if (!this.#group.begun) await found(this.#group, account);
    const failed = await member;
    if (failed === 'broken') throw new CallsignError('call', 'broken');
    if (failed !== null) throw new CallsignError('call', 'ended');
  }

  async remove(id: string): Promise<void> {
    const { own, log, ground, epochs } = this.#group;
    const participant = fromHex(own ?? '');
    const member = log.roster?.members.get(id);
    if (own === null || !participant || !member) throw new CallsignError('call', 'not-a-participant');
    const admission = log.roster?.admissions.get(member.admission);
    if (log.roster?.creator !== own && admission?.by !== own) throw new CallsignError('call', 'not-allowed');
    const proof = await this.signed({ kind: 'remove', participant, removed: member.participant });
    const { account, device } = plain(member);
    epochs.secrets.keyring.departed(ground.now());
    this.#group.step({ type: 'removing', id, taken: true });
    const reply = await this.#group.say({ verb: 'remove', account, device, proof });
    if (reply?.ok) return;
    if (reply) this.#group.step({ type: 'removing', id, taken: false });
    throw new CallsignError('call', reply?.reason ?? 'unanswered');
  }

  async code(): Promise<string> {
    const { ground, log, callId } = this.#group;
    const { crypto } = ground.config;
    const members = [...(log.roster?.members.values() ?? [])];
    const ends = members.map(async ({ account, identityKey }) => ({
      account,
      spki: await crypto.sha256(concat(spkiOf(identityKey))),
    }));
    return groupCode(crypto, callId, await Promise.all(ends));
  }
}
