/** The epochs of a group: keys made, opened, put to use and erased, as its machine says when. */
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { hex } from '../../bytes/hex.ts';
import { equal } from '../../bytes/join.ts';
import type { KeysFrame } from '../../calls/group-client.ts';
import type { Verb } from '../../protocol/call.ts';
import { outgrow } from '../calls/held.ts';
import { ERASE_AFTER_MS } from '../crypto/group/keyring.ts';
import { decodeBatch, encodeBatch } from '../crypto/group/wire.ts';
import { NO_KEYS } from './face.ts';
import { frameKeysOf } from './frame-keys.ts';
import type { Group } from './group.ts';
import { GroupSecrets } from './secrets.ts';

export class Epochs {
  readonly secrets: GroupSecrets;
  readonly #group: Group;
  /** Own batches by epoch, to be said once more. */
  readonly #batches = new Map<number, Verb>();
  #refreshing: Promise<void> = Promise.resolve();
  #outgrown = false;

  constructor(group: Group) {
    this.#group = group;
    this.secrets = new GroupSecrets(group.ground.config.crypto);
  }

  erase(): void {
    const { face } = this.#group;
    this.secrets.erase();
    this.#batches.clear();
    face.frameKeys = NO_KEYS;
    face.epoch = null;
  }

  async enter(epoch: number, proofs: number): Promise<void> {
    const { log } = this.#group;
    const roster = log.views.get(proofs);
    // Somebody went while this waited its turn.
    if (roster && proofs >= log.departed) await this.secrets.enter(epoch, roster);
  }

  async make(epoch: number): Promise<void> {
    const { ground, held, membership } = this.#group;
    const { name } = membership;
    const batch = name && (await this.secrets.make(epoch, name, ground.api.identity.key));
    if (!batch || this.#group.over) return;
    const message = hex(ground.config.crypto.random(16));
    const body = base64url(encodeBatch(batch));
    const verb: Verb = { verb: 'keys', call: held.call.id, attempt: 0, epoch, message, body };
    this.#batches.set(epoch, verb);
    this.#group.step({ type: 'made', epoch });
    await ground.say(verb);
  }

  again(epoch: number): void {
    const verb = this.#batches.get(epoch);
    if (verb) this.#group.behind(async () => void (await this.#group.ground.say(verb)));
  }

  async open({ epoch, body }: KeysFrame): Promise<void> {
    const group = this.#group;
    const { name } = group.membership;
    const bytes = fromBase64url(body);
    const batch = bytes && decodeBatch(bytes);
    if (!batch || !name) return group.alarm('refused-keys', 'malformed');
    const opened = await this.secrets.open(epoch, name, batch);
    if (group.over) return;
    const id = opened.sender ? hex(opened.sender.participant) : null;
    if (!opened.ok) {
      const sender = id === null ? null : group.participant(id);
      if (opened.reason === 'second-key') return group.alarm('second-key', `epoch ${epoch}`, sender);
      if (opened.reason === 'wrong-roster') return group.step({ type: 'opened', epoch, id, mismatch: true });
      // What came too late to be opened is no lie: it counts as missing, and fresh ones are asked for.
      if (opened.reason === 'unknown-epoch' || opened.reason === 'late-prekey') return;
      return group.alarm('refused-keys', opened.reason, sender);
    }
    group.step({ type: 'opened', epoch, id, mismatch: false });
    const participant = opened.repeated || id === null ? null : group.participant(id);
    if (!participant) return;
    group.face.tell('keys', { participant, epoch });
    this.refresh();
    this.#outgrow();
  }

  activate(epoch: number): void {
    const { face, ground } = this.#group;
    if (!this.secrets.keyring.activate(epoch, ground.now())) return;
    face.epoch = epoch;
    this.refresh();
    face.tell('epoch', epoch);
    this.#outgrow();
  }

  /** Once this device sends under an epoch of which it has the peer's key, too: what was under way is here ten seconds later. */
  #outgrow(): void {
    const { held, face, log, timers } = this.#group;
    const [two, epoch] = [held.session?.peer, face.epoch];
    if (!two || epoch === null || this.#outgrown) return;
    const members = [...(log.roster?.members.values() ?? [])];
    const peer = members.find(({ account, device }) => equal(account, two.account) && equal(device, two.device));
    if (!peer || !this.secrets.keyring.receiving(epoch, peer.name)) return;
    this.#outgrown = true;
    timers.set('outgrow', ERASE_AFTER_MS, () => outgrow(held));
  }

  missing(epoch: number, ids: readonly string[]): void {
    const participants = ids.flatMap((id) => this.#group.participant(id) ?? []);
    this.#group.face.tell('missing', { participants, epoch });
  }

  /** `needed`: numbers of entries whose rosters epochs still need. */
  sweep(needed: readonly number[]): void {
    const { ground, log } = this.#group;
    this.secrets.sweep(ground.now());
    const kept = this.secrets.epochs;
    for (const epoch of this.#batches.keys()) if (!kept.some((one) => one.epoch === epoch)) this.#batches.delete(epoch);
    log.forget(Math.min(log.entries, ...needed));
    this.refresh();
  }

  /** The keys of the frames as they are now, told when they have changed. */
  refresh(): void {
    const { face, callId, ground, membership } = this.#group;
    this.#refreshing = this.#refreshing.then(async () => {
      const { name } = membership;
      if (this.#group.over || !name) return;
      const keys = await frameKeysOf(this.secrets, callId, name, ground.now());
      if (this.#group.over) return;
      face.frameKeys = keys;
      face.tell('frameKeys', keys);
    });
  }
}
