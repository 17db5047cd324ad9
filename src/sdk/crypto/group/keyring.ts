/** Epochs of a group call on one device: which keys it holds, under which it sends, and when they are erased. In memory only. */
import { hex } from '../../../bytes/hex.ts';
import type { Bytes } from '../provider.ts';
import type { Epoch, KeyMessage, SenderKey } from './keys.ts';
import { messageIdentity } from './keys.ts';

/** The old epoch's keys stay for frames under way. */
export const ERASE_AFTER_MS = 10_000;
/** After a verified REMOVE or LEAVE nothing more is sent under the epoch that the absent could read. */
export const STOP_AFTER_MS = 2_000;

interface Held {
  view: Epoch;
  own: Bytes | null;
  /** By the sender's name. */
  received: Map<string, { key: SenderKey; identity: string }>;
  eraseAt: number | null;
}

export type AcceptResult =
  | { ok: true; repeated: boolean }
  | { ok: false; reason: 'unknown-epoch' }
  /** One sender signed two keys for one epoch: the first counts. */
  | { ok: false; reason: 'second-key'; alarm: true };

export interface Keyring {
  /** Enters an epoch with the roster this device computed; false unless it is newer than every one before. */
  prepare(view: Epoch): boolean;
  /** Keeps this device's own key; it is not overwritten. */
  hold(epoch: number, secret: Bytes): void;
  accept(key: SenderKey, message: KeyMessage): AcceptResult;
  /** Names (hex) of members whose key has not come. */
  missing(epoch: number, self: Bytes): string[];
  /** Sends under this epoch from now on. False when it was not prepared, has no own key, or is not newer. */
  activate(epoch: number, now: number): boolean;
  /** A member went: sending under every epoch prepared until now ends 2 s from now, whatever the server does. */
  departed(now: number): void;
  /** Epoch and own key to send under; null while there is none. */
  sending(now: number): { epoch: number; secret: Bytes } | null;
  receiving(epoch: number, sender: Bytes): SenderKey | null;
  /** Overwrites and forgets what is due; answers the epochs erased. Call it by the deadline in `nextErase`. */
  sweep(now: number): number[];
  readonly nextErase: number | null;
  /** The call is over. */
  erase(): void;
}

export function createKeyring(): Keyring {
  const epochs = new Map<number, Held>();
  let newest = -1;
  let active: number | null = null;
  /** Epochs up to `upTo` had the absent in their roster. */
  let stop: { at: number; upTo: number } | null = null;

  function wipe(epoch: number): void {
    const held = epochs.get(epoch);
    held?.own?.fill(0);
    for (const { key } of held?.received.values() ?? []) key.secret.fill(0);
    epochs.delete(epoch);
  }

  return {
    prepare(view) {
      if (view.epoch <= newest) return false;
      newest = view.epoch;
      epochs.set(view.epoch, { view, own: null, received: new Map(), eraseAt: null });
      return true;
    },
    hold(epoch, secret) {
      const held = epochs.get(epoch);
      if (held !== undefined) held.own ??= secret;
    },
    accept(key, message) {
      const held = epochs.get(key.epoch);
      if (held === undefined) return { ok: false, reason: 'unknown-epoch' };
      const name = hex(key.sender.name);
      const [known, identity] = [held.received.get(name), messageIdentity(message)];
      if (known === undefined) {
        held.received.set(name, { key, identity });
        return { ok: true, repeated: false };
      }
      if (key !== known.key) key.secret.fill(0);
      return known.identity === identity
        ? { ok: true, repeated: true }
        : { ok: false, reason: 'second-key', alarm: true };
    },
    missing(epoch, self) {
      const held = epochs.get(epoch);
      const names = [...(held?.view.roster.members.values() ?? [])].map(({ name }) => hex(name));
      return names.filter((name) => name !== hex(self) && !held!.received.has(name));
    },
    activate(epoch, now) {
      if (!epochs.get(epoch)?.own || (active !== null && epoch <= active)) return false;
      for (const [older, held] of epochs) if (older < epoch) held.eraseAt ??= now + ERASE_AFTER_MS;
      active = epoch;
      if (stop !== null && epoch > stop.upTo) stop = null;
      return true;
    },
    departed(now) {
      stop = { at: stop?.at ?? now + STOP_AFTER_MS, upTo: newest };
    },
    sending(now) {
      if (active === null || (stop !== null && now >= stop.at)) return null;
      const secret = epochs.get(active)?.own;
      return secret ? { epoch: active, secret } : null;
    },
    receiving: (epoch, sender) => epochs.get(epoch)?.received.get(hex(sender))?.key ?? null,
    sweep(now) {
      const due = [...epochs].filter(([, { eraseAt }]) => eraseAt !== null && now >= eraseAt).map(([epoch]) => epoch);
      for (const epoch of due) wipe(epoch);
      return due;
    },
    get nextErase() {
      const deadlines = [...epochs.values()].flatMap(({ eraseAt }) => (eraseAt === null ? [] : [eraseAt]));
      return deadlines.length === 0 ? null : Math.min(...deadlines);
    },
    erase() {
      for (const epoch of epochs.keys()) wipe(epoch);
      active = null;
    },
  };
}
