import type { Address, Answer, Json, Mail } from '../../actors/port.ts';

/** What an actor's object answers over RPC: plain data only, never an error or a class instance. */
export interface Endpoint {
  command(key: string, body: Json): Promise<Answer>;
  ask(from: Address, key: string, body: Json): Promise<Answer>;
  receive(mail: Mail): Promise<Answer>;
  hinted(queue: string, key: string): Promise<Answer>;
  fetch(url: string, init: RequestInit): Promise<Response>;
}

/** A Durable Object namespace, as far as actors need one. */
export interface Namespace {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId): Endpoint;
  jurisdiction(jurisdiction: DurableObjectJurisdiction): Namespace;
}

/** How this deployment reaches its actors and queues. Holds namespaces, never stubs. */
export interface Ways {
  readonly namespaces: ReadonlyMap<string, Namespace>;
  readonly queues: ReadonlyMap<string, Queue>;
  /** Part of every object's id; null where the deployment has none. */
  readonly jurisdiction: DurableObjectJurisdiction | null;
}

/** A stub for one call: after one exception a stub may stay broken, so none is kept. */
export function endpoint(ways: Ways, to: Address): Endpoint {
  const namespace = ways.namespaces.get(to.kind);
  if (!namespace) throw new Error(`no actor of kind ${to.kind} is bound`);
  const there = ways.jurisdiction === null ? namespace : namespace.jurisdiction(ways.jurisdiction);
  return there.get(there.idFromName(to.name));
}

const LONGEST_FLIGHT_MS = 15_000;

/** The value of an answer. Rejects when none is known: the other side was unavailable, or silent for 15 s. */
export async function valueOf(flight: Promise<Answer>): Promise<Json> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), LONGEST_FLIGHT_MS);
  });
  try {
    const answer = await Promise.race([flight, silence]);
    if (!answer.ok) throw new Error(answer.reason);
    return answer.value;
  } finally {
    clearTimeout(timer);
  }
}
