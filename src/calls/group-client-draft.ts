/** One step of a group on a device: a copy of its state to write to, and the effects in order. */
import type { EpochKeys, GroupClient, GroupEffect, GroupMember } from './group-client.ts';

/** Entries that came ahead of others, and keys ahead of their epoch, are kept up to this many. */
export const AHEAD_MAX = 128;
/** Sending under an epoch that a departed member could read ends so long after its departure was verified. */
export const STOP_AFTER_MS = 2_000;
/** The keys of older epochs stay so long for frames under way. */
export const ERASE_AFTER_MS = 10_000;

export class GroupDraft {
  readonly group: GroupClient;
  readonly effects: GroupEffect[] = [];
  readonly now: number;

  constructor(group: GroupClient, now: number) {
    this.now = now;
    const epochs = Object.fromEntries(Object.entries(group.epochs).map(([epoch, held]) => [epoch, { ...held }]));
    this.group = {
      ...group,
      ahead: { ...group.ahead },
      views: { ...group.views },
      heard: { ...group.heard },
      parked: [...group.parked],
      epochs,
    };
  }

  epoch(epoch: number): EpochKeys | null {
    return this.group.epochs[epoch] ?? null;
  }

  /** Members of an epoch's roster; none while its entries are not folded. */
  members(epoch: number): GroupMember[] {
    return this.group.views[this.epoch(epoch)?.proofs ?? -1] ?? [];
  }

  others(epoch: number): GroupMember[] {
    const { device } = this.group.self;
    return this.members(epoch).filter((one) => one.device !== device);
  }

  /** Whether the roster of these many entries has somebody in it whose departure was verified, or signed here. */
  isPast(proofs: number): boolean {
    const { departed, removed, views } = this.group;
    return proofs < departed || (views[proofs] ?? []).some(({ id }) => removed.includes(id));
  }

  /** Whether entries are needed that nobody has brought. */
  get isBehind(): boolean {
    return this.group.covered > this.group.handed || Object.keys(this.group.ahead).length > 0;
  }

  stopSoon(): void {
    this.timer('stop', this.now + STOP_AFTER_MS);
  }

  /** Epochs before the one in force, and views that no epoch needs. */
  forget(): void {
    const { group } = this;
    for (const epoch of Object.keys(group.epochs).map(Number)) if (epoch < group.active) delete group.epochs[epoch];
    const oldest = Math.min(group.folded, ...Object.values(group.epochs).map(({ proofs }) => proofs));
    for (const at of Object.keys(group.views).map(Number)) if (at < oldest) delete group.views[at];
    group.parked = group.parked.filter(({ epoch }) => epoch >= group.active);
  }

  timer(key: string, at: number | null): void {
    this.effects.push({ type: 'timer', key, at });
  }
}
