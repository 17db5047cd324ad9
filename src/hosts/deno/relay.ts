import { heads } from '../../actors/kernel/mail.ts';
import { nameOf, type Store } from '../../actors/kernel/store.ts';
import { owed, type Follower, type Taken, type Trigger } from '../../actors/kernel/turn.ts';
import type { Actor, Address, Arrival, Fault, Mail } from '../../actors/port.ts';

/** Mails that one turn may bring about in its own commit; what is left flies after it, as between files. */
const MOST_MAILS = 64;

export interface RelayGround {
  readonly actors: ReadonlyMap<string, Actor>;
  /** When this transaction began (ms); all its turns are taken at that time. */
  readonly now: number;
  /** One turn in the open transaction, with others to follow. */
  turn(self: Address, trigger: Trigger): Taken;
  /** The receiver's rows are in this file and may be written by this code. */
  here(to: Address): boolean;
  /** This mail's pair has one on its way already. */
  flies(mail: Mail): boolean;
  report(fault: Fault): void;
}

/**
 * Mail between actors of one file goes in the commit of the turn that posted it: the receiver's turn, and the sender's on the
 * answer, each after the other, and one fsync for all. They become durable together or not at all, so nobody can tell it from
 * a flight that met no crash. A receiver that throws takes nothing back but its own turn; its mail stays and flies as usual.
 * What a turn that has frames to send says to other actors waits for the next commit: the frames come first.
 */
export function relay(ground: RelayGround, store: Store, self: Address): Follower[] {
  const followers: Follower[] = [];
  const failed = new Set<string>();
  const senders = [self];
  for (let sender = senders.shift(); sender && followers.length < 2 * MOST_MAILS; sender = senders.shift())
    for (const { mail, expired } of heads(store, sender, ground.now)) {
      const body = expired || failed.has(pairOf(mail)) || ground.flies(mail) ? undefined : admitted(ground, mail);
      if (body === undefined) continue;
      const pair = handedOver(ground, store, mail, body);
      if (!pair) failed.add(pairOf(mail));
      followers.push(...(pair ?? []));
      senders.push(...(pair ?? []).filter(({ taken }) => taken.mail && !speaks(taken)).map((one) => one.self));
    }
  return followers;
}

const speaks = ({ effects }: Taken): boolean => effects.some(({ type }) => type === 'send');

const pairOf = ({ from, to }: Mail): string => `${nameOf(from)} ${nameOf(to)}`;

/** Undefined: not here, or its admission must be waited for, which no transaction does. */
function admitted(ground: RelayGround, mail: Mail): unknown {
  const actor = ground.here(mail.to) ? ground.actors.get(mail.to.kind) : undefined;
  if (!actor) return undefined;
  const arrival: Arrival = { type: 'command', from: mail.from, key: mail.key, body: mail.body };
  const body = actor.admit(arrival, ground.now);
  return body instanceof Promise ? undefined : body;
}

/** Both turns or neither. */
function handedOver(ground: RelayGround, store: Store, mail: Mail, body: unknown): [Follower, Follower] | null {
  store.run('SAVEPOINT mail', []);
  try {
    const received = ground.turn(mail.to, { type: 'mail', mail, body });
    const reply = { ok: true, value: received.answer } as const;
    const settled = ground.turn(mail.from, { type: 'settled', to: mail.to, number: mail.number, reply });
    store.run('RELEASE mail', []);
    return [
      { self: mail.to, taken: received },
      { self: mail.from, taken: settled },
    ];
  } catch (error) {
    store.run('ROLLBACK TO mail', []);
    store.run('RELEASE mail', []);
    ground.report({ type: 'mail-deferred', actor: mail.from, key: mail.key, error: String(error) });
    return null;
  }
}

/** A transaction's turns in their order, then once for each actor that wrote what it owes after the last of them. */
export function summed(store: Store, turns: readonly Follower[]): Follower[] {
  const last = new Map<string, Follower>();
  for (const one of turns) if (one.taken.wrote) last.set(nameOf(one.self), one);
  const told = turns.map(({ self, taken }): Follower => ({
    self,
    taken: { ...taken, wakeAt: undefined, mail: false },
  }));
  const owing = [...last.values()].map(({ self, taken }): Follower => {
    const owes = taken.erased ? { wakeAt: null, mail: false } : owed(store, self);
    return { self, taken: { ...taken, ...owes, effects: [] } };
  });
  return [...told, ...owing];
}
