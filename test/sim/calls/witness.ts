import { account } from '../../../src/actors/account/account.ts';
import { call as callActor } from '../../../src/actors/call/call.ts';
import type { CallActorCommand } from '../../../src/actors/call/command.ts';
import type { DeviceCommand } from '../../../src/actors/device/command.ts';
import { device as deviceActor } from '../../../src/actors/device/device.ts';
import type { Actor, Event, Json, Turn } from '../../../src/actors/port.ts';
import { type Call, isOpen } from '../../../src/calls/call.ts';
import { decide } from '../../../src/calls/decide.ts';
import { may as mayOf, rolesOf } from '../../../src/calls/roles.ts';
import type { Simulator } from '../../../src/hosts/simulator/simulator.ts';
import type { CallFrame, Party, Reply, Verb } from '../../../src/protocol/call.ts';
import type { GroupWatch } from '../groups/watch.ts';

/** A call frame that a mailbox answered `stored`. */
export interface StoredFrame {
  readonly id: string;
  readonly call: string;
  readonly type: CallFrame['type'];
  readonly rev: number;
  readonly seq: number;
  readonly expires: number;
}

export type Planted = 'none' | 'winner' | 'drained' | 'participants' | 'stranger';

const LEGS_OVER_AFTER_MS = 5_000;
/** Verbs whose repetition says something anew, or is told that there is nothing to do. */
const SAID_ANEW: ReadonlySet<string> = new Set([
  'alive',
  'signal',
  'socket',
  'add',
  'found',
  'join',
  'remove',
  'proofs',
  'keys',
  'keys-ack',
  'keys-again',
  'rekey',
] satisfies Verb['verb'][]);

/** Stands beside the real actors of one run: hands them every event, and remembers what they did that clients cannot see. */
export class Witness {
  readonly broken: string[] = [];
  /** Whether mailboxes collapse the frames of a call; without it whole stories wait in them. */
  collapse = true;
  planted: Planted = 'none';
  /** Looks at each turn of a Call from beside. */
  groups: GroupWatch | null = null;
  #simulator: Simulator | null = null;
  readonly #stored = new Map<string, StoredFrame[]>();
  readonly #rang = new Set<string>();

  begin(simulator: Simulator, collapse: boolean): void {
    this.#simulator = simulator;
    this.collapse = collapse;
    this.broken.length = 0;
    this.#stored.clear();
    this.#rang.clear();
  }

  blame(what: string): void {
    this.broken.push(what);
    this.#simulator?.remark('JUDGE', `broken: ${what}`);
  }

  stored(device: string): readonly StoredFrame[] {
    return this.#stored.get(device) ?? [];
  }

  actors(planted: Planted = 'none'): Actor[] {
    const device = {
      ...deviceActor,
      turn: (t: Turn, event: Event<DeviceCommand>) => this.#device(t, event, planted),
    } as Actor;
    const call = {
      ...callActor,
      turn: (t: Turn, event: Event<CallActorCommand>) => this.#call(t, event, planted),
    } as Actor;
    return [account, device, call];
  }

  #device(t: Turn, event: Event<DeviceCommand>, planted: Planted): Json {
    this.planted = planted;
    if (event.type !== 'command' || event.body.do !== 'put') return deviceActor.turn(t, event);
    const { envelope } = event.body;
    const kept = this.collapse ? envelope : { ...envelope, collapse: null };
    const answer = deviceActor.turn(t, { ...event, body: { do: 'put', envelope: kept } });
    const { ok, outcome, seq } = answer as { ok: boolean; outcome?: string; seq?: number };
    // What devices say to each other is recognized by its message id, and may be said again.
    if (ok && outcome === 'duplicate' && envelope.topic === 'call')
      this.blame(`mail is applied once: ${t.self.name} was handed ${envelope.id} twice`);
    if (!ok || outcome !== 'stored' || envelope.topic !== 'call') return answer;
    const { call, type, rev } = envelope.body as CallFrame;
    const frame = { id: envelope.id, call, type, rev, seq: seq ?? 0, expires: envelope.expires };
    this.#stored.set(t.self.name, [...this.stored(t.self.name), frame]);
    return answer;
  }

  #call(t: Turn, event: Event<CallActorCommand>, planted: Planted): Json {
    const said = verbOf(event);
    if (planted === 'winner' && said?.verb.verb === 'answer') forgetWinner(t, said.party);
    if (planted === 'participants') reuseParticipants(t);
    const before = load(t);
    if (planted === 'stranger' && said?.verb.verb === 'join') letIn(t, said.party);
    const answer = callActor.turn(this.groups?.around(t) ?? t, event);
    const after = load(t);
    this.groups?.after(event, said, before, after, answer);
    const name = `call ${t.self.name.slice(0, 6)}`;
    if ((after?.rev ?? 0) < (before?.rev ?? 0)) this.blame(`revisions grow: ${name}`);
    if (before?.state === 'ended' && after?.state !== 'ended') this.blame(`an end is final: ${name}`);
    if (said && before) this.#roles(said, before, after, answer, name);
    if (said && planted !== 'winner') this.#again(t, said, after, answer, name);
    if (after?.ringDeadline && !this.#rang.has(after.id)) this.#watchLegs(after.id, after.ringDeadline - t.now);
    return answer;
  }

  /** Whoever has not the verb's role is refused, or is told again what it was told when it had it; and changes nothing. */
  #roles({ party, verb }: Said, before: Call, after: Call | null, answer: Json, name: string): void {
    const roles = rolesOf(before, party);
    if (verb.verb === 'invite' || mayOf(roles, verb.verb) || answer === null) return;
    const again = Object.keys(before.replies).some((key) => key.startsWith(`${party.device}/${verb.verb}`));
    const refused = again || !(answer as unknown as Reply).ok;
    if (!refused || JSON.stringify(after) !== JSON.stringify(before))
      this.blame(`roles: ${verb.verb} of ${party.device.slice(0, 6)} changed ${name}`);
  }

  /** The same verb again changes nothing and is answered the same. */
  #again(t: Turn, { party, verb }: Said, after: Call | null, answer: Json, name: string): void {
    if (after === null || answer === null || SAID_ANEW.has(verb.verb)) return;
    const again = decide(after, { type: 'verb', party, verb }, t.now);
    if (again.call !== after || again.effects.length > 0)
      this.blame(`idempotence: ${verb.verb} repeated by ${party.device.slice(0, 6)} changes ${name}`);
    const same = JSON.stringify(again.reply) === JSON.stringify(answer);
    if (!same && verb.verb !== 'invite')
      this.blame(`idempotence: ${verb.verb} repeated in ${name} is answered ${JSON.stringify(again.reply)}`);
  }

  /** G6: by the ring deadline + 5 s of the call's own clock no leg can be answered any more, whatever was lost. */
  #watchLegs(id: string, untilDeadline: number): void {
    this.#rang.add(id);
    this.#simulator?.plan(untilDeadline + LEGS_OVER_AFTER_MS, () => {
      const state = stateOf(this.#simulator as Simulator, id);
      const open = state?.legs.filter(isOpen) ?? [];
      if (state?.state === 'ringing' || (state?.state !== 'connected' && open.some((leg) => leg.state !== 'answering')))
        this.blame(`G6 legs end: ${open.length} legs of call ${id.slice(0, 6)} are open 5 s after the ring deadline`);
    });
  }
}

interface Said {
  readonly party: Party;
  readonly verb: Verb;
}

function verbOf(event: Event<CallActorCommand>): Said | null {
  if (event.type === 'command' && event.body.do === 'verb' && event.body.verb.ok) {
    const { verb } = event.body.verb;
    return verb.verb === 'unknown' ? null : { party: event.body.party, verb };
  }
  return null;
}

function load(t: Turn): Call | null {
  const row = t.all<{ state: string }>(`SELECT state FROM call_state WHERE actor = ?1`)[0];
  return row ? (JSON.parse(row.state) as Call) : null;
}

export function stateOf(simulator: Simulator, id: string): Call | null {
  const row = simulator.rows<{ state: string }>(`SELECT state FROM call_state WHERE actor = ?1`, id)[0];
  return row ? (JSON.parse(row.state) as Call) : null;
}

function change(t: Turn, call: Call): void {
  t.run(`UPDATE call_state SET state = ?2 WHERE actor = ?1`, JSON.stringify(call));
}

/** Planted: a group whose next participant gets the lowest id that is free. */
function reuseParticipants(t: Turn): void {
  const call = load(t);
  if (!call?.group) return;
  const taken = new Set(call.group.roster.map(({ participant }) => participant));
  let free = 1;
  while (taken.has(free)) free++;
  if (free !== call.group.nextParticipant) change(t, { ...call, group: { ...call.group, nextParticipant: free } });
}

/** Planted: a group that lets whoever was once rung join. */
function letIn(t: Turn, { account, device }: Party): void {
  const call = load(t);
  if (call?.state !== 'connected' || call.talkers.some((talker) => talker.device === device)) return;
  const talker = { account, device, socket: false, lost: false, leaseUntil: null };
  change(t, { ...call, talkers: [...call.talkers, talker] });
}

/** Planted: a call that does not remember its first answer when another device answers. */
function forgetWinner(t: Turn, { device }: Party): void {
  const call = load(t);
  if (call?.state !== 'granted' && call?.state !== 'connected') return;
  if (!call.legs.some((leg) => leg.device === device && leg.state === 'elsewhere')) return;
  const legs = call.legs.map((leg) => (leg.device === device ? { ...leg, state: 'alerting' as const } : leg));
  change(t, { ...call, state: 'ringing', winner: null, legs });
}
