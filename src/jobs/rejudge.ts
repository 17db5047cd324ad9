/** What was accepted is judged again when a list or the policy is another one, and revoked when they condemn it (G10). */
import type { Actors } from '../actors/port.ts';
import { hardwareHash } from '../attestation/stored/record.ts';
import { openCase } from '../attestation/stored/seal.ts';
import type { Policy } from '../attestation/policy/policy.ts';
import type { TrustStore } from '../attestation/trust/store.ts';
import type { Reason } from '../attestation/verdict.ts';
import { verifyEvidence } from '../attestation/verify.ts';
import type { NewEvent } from '../db/events.ts';
import type { Candidate, Finding, Repositories, Run, Selection } from '../db/repositories.ts';
import { LISTS_LIFE_MS } from './lists/in-force.ts';

export interface Rejudge {
  readonly db: Pick<Repositories, 'lists' | 'rejudging'>;
  readonly actors: Actors;
  readonly trust: { reload(): Promise<TrustStore> };
  readonly policy: Policy;
  readonly secrets: { readonly evidence: Uint8Array; readonly hardware: Uint8Array };
}

/** The brake: a run that would revoke more than this waits for an operator. */
export const MOST_DEVICES = 25;
export const MOST_SHARE = 0.01;
export const MOST_LAST_DEVICES = 10;

/** Somebody may have accepted by the list before so long after the start; what was accepted meanwhile is looked at once more. */
export const TAIL_MS = 2 * LISTS_LIFE_MS;

const SLICE = 100;
/** Slices of one visit; the next one goes on where this ended. */
const SLICES = 50;

/** What a list says against hardware; the run of that list revokes for it. */
const BY_LIST: readonly Reason[] = ['revoked-by-list', 'suspended-by-list'];
/** What policy says; its own run revokes for it, so that one device is found by one run. */
const BY_POLICY: readonly Reason[] = [
  'untrusted-root',
  'test-root',
  'software-key',
  'virtual-authenticator',
  'self-attestation',
  'no-attestation',
  'format-refused',
  'signature-algorithm',
  'boot-state',
  'patch-level',
  'application',
  'environment',
  'syncable',
  'user-verification',
  'aaguid-refused',
  'vendor-refused',
  'assurance',
  'weak-key',
  'attributes',
];
/** Metadata also says which roots speak for a model, and what protects its keys. */
const BY_METADATA: readonly Reason[] = [...BY_LIST, 'untrusted-root', 'software-key', 'aaguid-refused', 'assurance'];

/** Any refusal beside these (a stale list, a broken row) says nothing against the hardware: it is counted and revokes nobody. */
const CLEAR: ReadonlySet<Reason> = new Set([...BY_LIST, ...BY_POLICY]);

function condemns(kind: string, reason: Reason): boolean {
  if (kind === 'policy') return BY_POLICY.includes(reason);
  return (kind === 'mds' ? BY_METADATA : BY_LIST).includes(reason);
}

/** One visit: begins what is due, and takes every run that is under way as far as it gets. Safe to repeat and to break off. */
export async function rejudge(ground: Rejudge, now: number): Promise<void> {
  await begin(ground, now);
  for (const run of await ground.db.rejudging.runs()) {
    if (run.state === 'open' || run.state === 'released') await work(ground, run, now);
  }
}

async function begin({ db, policy }: Rejudge, now: number): Promise<void> {
  const heads = await db.lists.heads();
  const runs = await db.rejudging.runs();
  const inForce = [
    { kind: 'policy', version: policy.version },
    ...heads.map(({ name, version }) => ({ kind: name, version: String(version) })),
  ];
  for (const { kind, version } of inForce) {
    const last = runs.findLast((run) => run.kind === kind);
    if (last?.version === version) continue;
    const id = `${kind}/${version}/${last?.startedAt ?? 0}`;
    const start = { pass: 1, cursorAt: 0, cursorId: '', judged: 0, unclear: 0 };
    await db.rejudging.begin({ id, kind, version, state: 'open', startedAt: now, ...start });
  }
}

async function work(ground: Rejudge, given: Run, now: number): Promise<void> {
  const { rejudging } = ground.db;
  const trust = await ground.trust.reload();
  const selection = selectionOf(ground, given.kind, trust);
  let run = given;
  for (let slice = 0; slice < SLICES; slice++) {
    const candidates = await rejudging.candidates(run, selection, now, SLICE);
    if (candidates.length === 0) {
      if (!(await settle(ground, run, now))) return;
      if (run.pass === 2) return finish(ground, run, now);
      if (now < run.startedAt + TAIL_MS) return;
      run = { ...run, pass: 2, cursorAt: run.startedAt - TAIL_MS, cursorId: '' };
      await rejudging.advance(run, []);
      continue;
    }
    run = await judgeSlice(ground, run, candidates, trust, now);
  }
}

/** Serials by their keyed hashes, models by their AAGUIDs; a policy can condemn anything. */
function selectionOf({ secrets }: Rejudge, kind: string, trust: TrustStore): Selection {
  if (kind === 'mds') return { kind: 'aaguid', values: [...(trust.metadata?.entries.keys() ?? [])] };
  if (kind !== 'android-status') return 'all';
  const serials = [...(trust.androidStatus?.entries.keys() ?? [])];
  return { kind: 'serial', values: serials.map((serial) => hardwareHash(secrets.hardware, 'serial', serial)) };
}

async function judgeSlice(
  ground: Rejudge,
  run: Run,
  candidates: readonly Candidate[],
  trust: TrustStore,
  now: number,
): Promise<Run> {
  const condemned: Omit<Finding, 'state'>[] = [];
  let unclear = 0;
  for (const { hash, account, device, sealed } of candidates) {
    const kept = await openCase(ground.secrets.evidence, hash, sealed);
    const verdict =
      kept && (await verifyEvidence(kept.evidence, { ...kept.expected, listsAt: now }, trust, ground.policy));
    if (verdict?.decision === 'accept') continue;
    const reason = verdict?.reason;
    if (reason !== undefined && condemns(run.kind, reason)) condemned.push({ evidence: hash, account, device, reason });
    else if (reason === undefined || !CLEAR.has(reason)) unclear += 1;
  }
  const last = candidates.at(-1)!;
  const next = {
    ...run,
    cursorAt: last.at,
    cursorId: last.hash,
    judged: run.judged + candidates.length,
    unclear: run.unclear + unclear,
  };
  await ground.db.rejudging.advance(next, condemned);
  return next;
}

/** Revokes what was found, or holds it. False when the run does not go on. */
async function settle(ground: Rejudge, run: Run, now: number): Promise<boolean> {
  const { rejudging } = ground.db;
  const findings = await rejudging.findings(run.id);
  const found = findings.filter(({ state }) => state === 'found');
  if (run.state === 'open' && found.length > 0) {
    const why = await tooMany(ground, findings, now);
    if (why !== null) {
      await rejudging.turn(run.id, ['open'], 'held', told(run, 'held', 'alarm', now, why));
      return false;
    }
  }
  for (const finding of found) await revoke(ground, run, finding);
  return true;
}

async function tooMany({ db }: Rejudge, findings: readonly Finding[], now: number): Promise<string | null> {
  const going = findings.filter(({ state }) => state !== 'spared');
  const [accounts, devices] = [going.map(({ account }) => account), going.map(({ device }) => device)];
  const { live, kept } = await db.rejudging.standing(accounts, devices, now);
  if (going.length > Math.max(MOST_DEVICES, live * MOST_SHARE)) return `${going.length} of ${live} devices`;
  // A device without account stands under its own name: it is nobody's last one.
  const owners = going.filter(({ account, device }) => account !== device).map(({ account }) => account);
  const alone = new Set(owners.filter((account) => !kept.has(account))).size;
  return alone > MOST_LAST_DEVICES ? `the last device of ${alone} accounts` : null;
}

/** The account decides and does it in one commit; asked again it changes nothing. */
async function revoke(
  { actors, db }: Rejudge,
  run: Run,
  { evidence, account, device, reason }: Finding,
): Promise<void> {
  const to = { kind: 'account', name: account };
  const command = { do: 'revoke', device, reason, by: 'condemned', request: run.id };
  const answer = await actors.command(to, `rejudge/${evidence}`, command);
  if (!answer.ok) throw new Error(`account ${account}: ${answer.reason}`);
  await db.rejudging.condemned(run.id, evidence, reason);
}

async function finish({ db }: Rejudge, run: Run, now: number): Promise<void> {
  const revoked = (await db.rejudging.findings(run.id)).filter(({ state }) => state === 'revoked').length;
  const summary = `${run.judged} judged, ${revoked} revoked, ${run.unclear} unclear`;
  await db.rejudging.turn(run.id, ['open', 'released'], 'done', told(run, 'done', 'info', now, summary));
}

function told(run: Run, what: string, severity: NewEvent['severity'], now: number, reason: string): NewEvent {
  const id = `rejudge/${run.id}/${what}/${now}`;
  return {
    id,
    at: now,
    type: `rejudge.${what}`,
    severity,
    subject: `${run.kind}/${run.version}`,
    reason,
    reference: run.id,
  };
}

/** Evidence that the policy in force accepts and the tried one does not. */
export interface Turned {
  readonly evidence: string;
  readonly account: string;
  readonly device: string;
  readonly reason: string;
  /** Whether a run of that policy would revoke for it; other refusals say nothing against the hardware. */
  readonly revoked: boolean;
}

export interface Trial {
  readonly judged: number;
  readonly turned: readonly Turned[];
  /** Where the next part begins; null when all was judged. */
  readonly next: string | null;
}

const TRIAL_SLICE = 200;

/** One part of what a run of another policy would find, after the cursor of the part before. Nothing is written. */
export async function tryPolicy(
  ground: Pick<Rejudge, 'db' | 'policy' | 'secrets'> & { readonly trust: TrustStore },
  policy: Policy,
  after: string,
  now: number,
): Promise<Trial> {
  const [at = '0', ...id] = after.split('/');
  const start = { cursorAt: Number(at), cursorId: id.join('/') };
  const candidates = await ground.db.rejudging.candidates(start, 'all', now, TRIAL_SLICE);
  const turned: Turned[] = [];
  for (const { hash, account, device, sealed } of candidates) {
    const kept = await openCase(ground.secrets.evidence, hash, sealed);
    if (kept === null) continue;
    const expected = { ...kept.expected, listsAt: now };
    const before = await verifyEvidence(kept.evidence, expected, ground.trust, ground.policy);
    const { reason } = await verifyEvidence(kept.evidence, expected, ground.trust, policy);
    if (before.decision !== 'accept' || reason === undefined) continue;
    turned.push({ evidence: hash, account, device, reason, revoked: condemns('policy', reason) });
  }
  const last = candidates.length === TRIAL_SLICE ? candidates.at(-1) : undefined;
  return { judged: candidates.length, turned, next: last ? `${last.at}/${last.hash}` : null };
}

/** What an operator decides about a run that is held; null when it is not. Each decision is durable before it is acted on. */
export const brake = {
  async show({ db }: Pick<Rejudge, 'db'>, id: string): Promise<{ run: Run; findings: readonly Finding[] } | null> {
    const run = (await db.rejudging.runs()).find((one) => one.id === id);
    return run === undefined ? null : { run, findings: await db.rejudging.findings(id) };
  },

  /** All that was found is revoked, and what the rest of the run finds. */
  async release({ db }: Pick<Rejudge, 'db'>, run: Run, now: number): Promise<boolean> {
    return db.rejudging.turn(run.id, ['held'], 'released', told(run, 'released', 'notice', now, 'released'));
  },

  /** These devices stay; whether the others are too many is judged again. */
  async narrow({ db }: Pick<Rejudge, 'db'>, run: Run, spared: readonly string[], now: number): Promise<boolean> {
    if (run.state !== 'held') return false;
    await db.rejudging.spare(run.id, spared);
    const event = told(run, 'narrowed', 'notice', now, `${spared.length} devices stay`);
    return db.rejudging.turn(run.id, ['held'], 'open', event);
  },

  /** Everything stays, in later runs of the same kind and reason too. */
  async discard({ db }: Pick<Rejudge, 'db'>, run: Run, now: number): Promise<boolean> {
    if (run.state !== 'held') return false;
    await db.rejudging.spare(run.id, 'all');
    return db.rejudging.turn(run.id, ['held'], 'done', told(run, 'discarded', 'notice', now, 'discarded'));
  },
};
