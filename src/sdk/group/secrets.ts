/** Keys of a group on one device, by epoch: own ones made, others' opened, all erased when they are due. In memory only. */
import { hex } from '../../bytes/hex.ts';
import { createKeyring, type Keyring } from '../crypto/group/keyring.ts';
import {
  type Epoch,
  groupSFrameKey,
  type KeyBatch,
  type KeyRefusal,
  messageFor,
  openKeys,
  sealKeys,
  senderOf,
} from '../crypto/group/keys.ts';
import { epochHash, type Member, type Roster, rotatePrekey } from '../crypto/group/roster.ts';
import type { AgreementKey, Bytes, CryptoProvider, SigningKey } from '../crypto/provider.ts';

export type OpenedKeys =
  | { readonly ok: true; readonly sender: Member; readonly repeated: boolean }
  | {
      readonly ok: false;
      /** `late-prekey`: wrapped to an own prekey that was erased; its sender has not heard of the newer ones. */
      readonly reason: KeyRefusal | 'second-key' | 'unknown-epoch' | 'late-prekey';
      readonly sender: Member | null;
    };

export class GroupSecrets {
  readonly keyring: Keyring = createKeyring();
  readonly #crypto: CryptoProvider;
  readonly #epochs = new Map<number, Epoch>();
  /** Own prekeys by number; others wrap to the newest that they know. */
  readonly #prekeys = new Map<number, AgreementKey>();
  #number = 0;
  /** By epoch: the number of the own prekey to which others wrap in it. */
  readonly #used = new Map<number, number>();
  /** By participant id: what its verified batches brought. */
  readonly #brought = new Map<string, { readonly prekey: Bytes; readonly number: number }>();
  /** Base keys by epoch and sender's name, derived once. */
  readonly #bases = new Map<string, Bytes>();
  #erased = false;

  constructor(crypto: CryptoProvider) {
    this.#crypto = crypto;
  }

  /** The prekey of a JOIN, number 0; those of an earlier participation are gone. */
  async firstPrekey(): Promise<Bytes> {
    for (const key of this.#prekeys.values()) key.erase();
    this.#prekeys.clear();
    this.#used.clear();
    this.#number = 0;
    const key = await this.#crypto.generateAgreementKey();
    this.#prekeys.set(0, key);
    return key.publicKey;
  }

  async enter(epoch: number, roster: Roster): Promise<void> {
    const view = { epoch, roster, hash: await epochHash(this.#crypto, roster, epoch) };
    if (!this.#erased && this.keyring.prepare(view)) this.#epochs.set(epoch, view);
  }

  /** Fresh, wrapped to everybody else in the epoch's roster; null when there is no such epoch any more. */
  async make(epoch: number, name: Bytes, identity: SigningKey): Promise<KeyBatch | null> {
    const view = this.#epochs.get(epoch);
    const self = view && [...view.roster.members.values()].find((member) => hex(member.name) === hex(name));
    if (!view || !self) return null;
    const next = await this.#crypto.generateAgreementKey();
    const used = this.#number;
    const number = ++this.#number;
    this.#used.set(epoch, used);
    this.#prekeys.set(number, next);
    const current = { ...view, roster: this.#current(view.roster) };
    const prekey = { prekey: next.publicKey, number };
    const { secret, batch } = await sealKeys(this.#crypto, current, self, identity, prekey);
    if (this.#erased) secret.fill(0);
    else this.keyring.hold(epoch, secret);
    return this.#erased ? null : batch;
  }

  #current(roster: Roster): Roster {
    let current = roster;
    for (const [id, { participant }] of roster.members) {
      const brought = this.#brought.get(id);
      if (brought) current = rotatePrekey(current, participant, brought.prekey, brought.number);
    }
    return current;
  }

  async open(epoch: number, name: Bytes, batch: KeyBatch): Promise<OpenedKeys> {
    const view = this.#epochs.get(epoch);
    if (!view) return { ok: false, reason: 'unknown-epoch', sender: null };
    const sender = senderOf(view.roster, batch.head);
    const message = await messageFor(this.#crypto, batch, name);
    if (!message) return { ok: false, reason: 'not-for-us', sender };
    const opened = await openKeys(this.#crypto, view, { name, prekeys: this.#prekeys }, message);
    if (!opened.ok) {
      const late = opened.reason === 'unknown-prekey' && message.entry.prekeyNumber <= this.#number;
      return { ok: false, reason: late ? 'late-prekey' : opened.reason, sender };
    }
    if (this.#erased) opened.key.secret.fill(0);
    const accepted = this.#erased
      ? ({ ok: false, reason: 'unknown-epoch' } as const)
      : this.keyring.accept(opened.key, message);
    if (!accepted.ok) return { ok: false, reason: accepted.reason, sender };
    this.#rotate(opened.key.sender, opened.key.nextPrekey, opened.key.nextPrekeyNumber);
    return { ok: true, sender: opened.key.sender, repeated: accepted.repeated };
  }

  #rotate({ participant }: Member, prekey: Bytes, number: number): void {
    const id = hex(participant);
    if (number > (this.#brought.get(id)?.number ?? 0)) this.#brought.set(id, { prekey, number });
  }

  /** Base key of a sender in an epoch; null while it is not here. */
  async base(callId: Bytes, epoch: number, sender: Bytes, secret: Bytes): Promise<Bytes | null> {
    const at = `${epoch} ${hex(sender)}`;
    const known = this.#bases.get(at);
    if (known) return known;
    const made = await groupSFrameKey(this.#crypto, callId, sender, epoch, secret);
    const here = this.#epochs.has(epoch);
    const first = this.#bases.get(at);
    if (!here || first) {
      made.fill(0);
      return first ?? null;
    }
    this.#bases.set(at, made);
    return made;
  }

  get epochs(): readonly Epoch[] {
    return [...this.#epochs.values()];
  }

  /** Overwrites what is due: epochs before the one in use, and the own prekeys that were for them. */
  sweep(now: number): void {
    for (const epoch of this.keyring.sweep(now)) this.#forget(epoch);
    const first = Math.min(this.#number, ...this.#used.values());
    for (const [number, key] of this.#prekeys) {
      if (number >= first) continue;
      key.erase();
      this.#prekeys.delete(number);
    }
  }

  #forget(epoch: number): void {
    this.#epochs.delete(epoch);
    this.#used.delete(epoch);
    for (const [at, base] of this.#bases) {
      if (!at.startsWith(`${epoch} `)) continue;
      base.fill(0);
      this.#bases.delete(at);
    }
  }

  erase(): void {
    this.#erased = true;
    this.keyring.erase();
    for (const key of this.#prekeys.values()) key.erase();
    for (const base of this.#bases.values()) base.fill(0);
    for (const held of [this.#prekeys, this.#bases, this.#epochs, this.#brought, this.#used]) held.clear();
  }
}
