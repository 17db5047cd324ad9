import type { Event, Socket, Turn } from '../../../src/actors/port.ts';
import type { CallActorCommand } from '../../../src/actors/call/command.ts';
import type { Call } from '../../../src/calls/call.ts';
import type { CallFrame, Party, Reply, RosterEntry, Verb } from '../../../src/protocol/call.ts';

interface Said {
  readonly party: Party;
  readonly verb: Verb;
}

/** What a turn let out to one device: a frame, or the bytes of another one. */
interface Sent {
  readonly device: string;
  readonly what: CallFrame | 'datagram';
}

const TO_MEMBERS: ReadonlySet<string> = new Set(['prepare', 'keys', 'keys-wanted', 'activate']);
const TO_TALKERS: ReadonlySet<string> = new Set(['proof', 'added', 'signal', 'connected', 'peer-lost', 'peer-back']);

/** Stands beside each Call of a run: who is in its group, and whom it speaks to, turn by turn. */
export class GroupWatch {
  /** Calls that became a group. */
  readonly groups = new Set<string>();
  /** Devices by call that were ever let in to talk. */
  readonly talked = new Map<string, Set<string>>();
  readonly seen = { joins: 0, removals: 0, leaves: 0, lost: 0, back: 0, epochs: 0, refused: 0 };
  /** Rosters by `<call> <epoch>`, as they were prepared. */
  readonly #prepared = new Map<string, string>();
  readonly #blame: (what: string) => void;
  /** By call: whose a participant id was, and whether it is so still. */
  readonly #participants = new Map<string, Map<number, { readonly device: string; gone: boolean }>>();
  #sent: Sent[] = [];

  constructor(blame: (what: string) => void) {
    this.#blame = blame;
  }

  begin(): void {
    for (const kept of [this.groups, this.talked, this.#prepared, this.#participants]) kept.clear();
  }

  /** The same turn, with everything written down that leaves it. */
  around(t: Turn): Turn {
    this.#sent = [];
    return proxied(t, {
      sockets: (tag?: string) => t.sockets(tag).map((socket) => this.#spied(socket)),
      post: (...mail: Parameters<Turn['post']>) => {
        const [to, , body] = mail;
        const put = body as unknown as { do: string; envelope: { topic: string; body: CallFrame } };
        if (to.kind === 'device' && put.do === 'put' && put.envelope.topic === 'signal')
          this.#sent.push({ device: to.name, what: put.envelope.body });
        t.post(...mail);
      },
    });
  }

  #spied(socket: Socket): Socket {
    const { device = '' } = (socket.note ?? {}) as { device?: string };
    return proxied(socket, {
      send: (frame: string | Uint8Array) => {
        if (typeof frame !== 'string') this.#sent.push({ device, what: 'datagram' });
        else if ('call' in JSON.parse(frame)) this.#sent.push({ device, what: JSON.parse(frame) as CallFrame });
        socket.send(frame);
      },
    });
  }

  after(
    event: Event<CallActorCommand>,
    said: Said | null,
    before: Call | null,
    after: Call | null,
    answer: unknown,
  ): void {
    if (!after) return;
    const name = after.id.slice(0, 6);
    const talked = this.talked.get(after.id) ?? new Set();
    for (const { device } of after.talkers) talked.add(device);
    this.talked.set(after.id, talked);
    this.#judgeSent(before, after, name);
    if (!after.group) return;
    this.groups.add(after.id);
    if (said && !(answer as Reply | null)?.ok) this.seen.refused++;
    this.#judgeEpochs(before, after, name);
    this.#judgeParticipants(after, name);
    this.#judgeRoster(event, said, before, after, (answer as Reply | null)?.ok === true, name);
    this.#judgeTalkers(said, before, after, (answer as Reply | null)?.ok === true, name);
    this.#judgeWinners(before, after, name);
  }

  /** Whoever is out hears nothing of the group from that very turn on, neither keys nor relay, at most that it is out. */
  #judgeSent(before: Call | null, { talkers, group }: Call, name: string): void {
    const talks = new Set(talkers.map(({ device }) => device));
    const talked = new Set(before?.talkers.map(({ device }) => device));
    const members = new Set(group?.roster.map(({ device }) => device));
    for (const { device, what } of this.#sent) {
      if (what === 'datagram') {
        if (!talks.has(device))
          this.#blame(`nothing to who is out: a datagram of ${name} went to ${device.slice(0, 6)}`);
        continue;
      }
      const told = talks.has(device) || (talked.has(device) && what.type !== 'signal');
      const may = TO_MEMBERS.has(what.type) ? members.has(device) : !TO_TALKERS.has(what.type) || told;
      if (!may) this.#blame(`nothing to who is out: ${what.type} of ${name} went to ${device.slice(0, 6)}`);
      if (what.type === 'keys' && what.epoch !== group?.epoch)
        this.#blame(`keys of one epoch: those of ${what.epoch} went out in epoch ${group?.epoch} of ${name}`);
      if (what.type === 'prepare') this.#judgePrepared(what, name);
    }
  }

  #judgePrepared({ call, epoch, roster }: CallFrame & { type: 'prepare' }, name: string): void {
    const [key, text] = [`${call} ${epoch}`, JSON.stringify(roster)];
    if (this.#prepared.has(key) && this.#prepared.get(key) !== text)
      this.#blame(`one roster per epoch: epoch ${epoch} of ${name} was prepared with two`);
    this.#prepared.set(key, text);
  }

  #judgeEpochs(before: Call | null, { group }: Call, name: string): void {
    const [was, is] = [before?.group?.epoch ?? 0, group?.epoch ?? 0];
    if (is < was || is > was + 1) this.#blame(`epochs rise by one: ${name} went from ${was} to ${is}`);
    const [old, active] = [before?.group?.active ?? 0, group?.active ?? 0];
    if (active < old || active > is) this.#blame(`epochs rise by one: ${name} activated ${active} after ${old}`);
    if (is > was) this.seen.epochs++;
    if ((group?.proofs ?? 0) < (before?.group?.proofs ?? 0))
      this.#blame(`the log of proofs only grows: ${name} has ${group?.proofs} of ${before?.group?.proofs}`);
  }

  #judgeParticipants({ id, group }: Call, name: string): void {
    const known = this.#participants.get(id) ?? new Map<number, { readonly device: string; gone: boolean }>();
    this.#participants.set(id, known);
    const roster = new Map(group?.roster.map((entry) => [entry.participant, entry]));
    if (roster.size !== group?.roster.length)
      this.#blame(`participant ids are used once: twice in the roster of ${name}`);
    for (const [participant, { device }] of roster) {
      const other = known.get(participant);
      if (other && (other.gone || other.device !== device))
        this.#blame(`participant ids are used once: ${participant} of ${name} came back`);
      known.set(participant, { device, gone: false });
    }
    for (const [participant, one] of known) one.gone ||= !roster.has(participant);
  }

  /** In by an accepted answer or join of one's own; out by leaving, by who may remove, or by a lease that ran out. */
  #judgeRoster(
    event: Event<CallActorCommand>,
    said: Said | null,
    before: Call | null,
    after: Call,
    accepted: boolean,
    name: string,
  ): void {
    const [was, is] = [before?.group?.roster ?? [], after.group?.roster ?? []];
    const missing = (from: readonly RosterEntry[], where: readonly RosterEntry[]) =>
      from.filter(({ participant }) => !where.some((entry) => entry.participant === participant));
    for (const entry of missing(is, was)) {
      this.seen.joins++;
      const own =
        accepted && said?.party.device === entry.device && ['answer', 'found', 'join'].includes(said.verb.verb);
      if (!own) this.#blame(`the roster changes by accepted verbs: ${entry.device.slice(0, 6)} came into ${name}`);
    }
    for (const { device, account } of missing(was, is)) {
      if (event.type === 'due' && event.key === `lease:${device}`) this.seen.lost++;
      else if (accepted && said && this.#left(said, device)) this.seen.leaves++;
      else if (accepted && said && before && mayRemove(said, { device, account }, before)) this.seen.removals++;
      else this.#blame(`the roster changes by accepted verbs: ${device.slice(0, 6)} went out of ${name}`);
    }
    for (const { device } of is)
      if (after.state !== 'ended' && !after.talkers.some((talker) => talker.device === device))
        this.#blame(`who is in the roster talks: ${device.slice(0, 6)} of ${name} does not`);
  }

  /** The first two by their call, then each by the answer that it was granted, or back after it was lost. */
  #judgeTalkers(said: Said | null, before: Call | null, after: Call, accepted: boolean, name: string): void {
    for (const { device } of after.talkers) {
      if (before?.talkers.some((talker) => talker.device === device)) continue;
      const back = said?.verb.verb === 'join' && before?.group?.dropped.some((one) => one.device === device);
      if (back) this.seen.back++;
      const own = accepted && (said?.verb.verb === 'answer' || back) && said.party.device === device;
      if (!own) this.#blame(`who talks was granted: ${device.slice(0, 6)} came into ${name}`);
    }
  }

  #left({ party, verb }: Said, device: string): boolean {
    return party.device === device && (verb.verb === 'leave' || verb.verb === 'hangup');
  }

  /** G5 for whoever is added: one device of it wins, and stays the winner of that ring. */
  #judgeWinners(before: Call | null, { group }: Call, name: string): void {
    for (const ring of group?.rings ?? []) {
      const was = before?.group?.rings.find((old) => old.account === ring.account && old.startedAt === ring.startedAt);
      if (was?.answeredBy && was.answeredBy !== ring.answeredBy)
        this.#blame(`G5 one winner: a ring of ${name} was won by ${was.answeredBy} and by ${ring.answeredBy}`);
      if (was?.state === 'over' && ring.state !== 'over') this.#blame(`an end is final: a ring of ${name} goes on`);
    }
  }
}

function mayRemove({ party, verb }: Said, out: Party, { group }: Call): boolean {
  if (verb.verb !== 'remove' || verb.device !== out.device || verb.account !== out.account) return false;
  const by = group?.rings.find((ring) => ring.account === out.account)?.by.account;
  return party.account === group?.founder || party.account === by;
}

function proxied<T extends object>(own: T, over: Partial<T>): T {
  return new Proxy(own, {
    get: (target, name) => {
      const value: unknown = name in over ? Reflect.get(over, name) : Reflect.get(target, name, target);
      return typeof value === 'function' && !(name in over) ? value.bind(target) : value;
    },
    set: (target, name, value) => Reflect.set(target, name, value, target),
  });
}
