/** What the server keeps in D1, one repository per aggregate. Every write carries its request id and is safe to repeat. */
import type { EventRow } from '../protocol/event.ts';
import type { NewEvent } from './events.ts';

export interface Challenges {
  /**
   * Uses a challenge: an INSERT on its primary key. True when it was unused, or used by this very request before (a
   * retry); false for any other use, ever (G1).
   */
  use(challenge: string, request: string, expiresAt: number): Promise<boolean>;
  /** Forgets uses of challenges that expired before `now`. */
  sweep(now: number): Promise<void>;
}

/** A code on its way to a handle. `handle` is a keyed hash, `code` an HMAC; neither can be read back. */
export interface Verification {
  readonly id: string;
  readonly handle: string;
  readonly account: string;
  readonly device: string;
  readonly code: string;
  readonly expiresAt: number;
  /** Tries left. */
  readonly tries: number;
}

/** Who answers to a handle; decided here and nowhere else. */
export interface HandleOwner {
  readonly account: string;
  readonly verifiedAt: number;
  readonly method: string;
}

/** All that is known of a handle: who holds it, since when it is given up, and who waits for it. Times in ms. */
export interface Holding extends HandleOwner {
  readonly releasedAt: number | null;
  readonly claimant: string | null;
  readonly claimUntil: number | null;
}

export interface Handles {
  /** The same id again changes nothing: when the one that stands ends, ms. */
  begin(verification: Verification): Promise<number>;
  /** Takes one try and returns what it was a try at; null when there is none left, it expired or never was. */
  attempt(id: string, account: string, now: number): Promise<Verification | null>;
  /** Wrong codes of this handle since `since`, over all resends. */
  wrongSince(handle: string, since: number): Promise<number>;
  countWrong(handle: string, at: number): Promise<void>;
  /** Codes sent since `since`: to this handle, and to all. */
  sentSince(handle: string, since: number): Promise<{ readonly handle: number; readonly all: number }>;
  countSent(handle: string, at: number): Promise<void>;
  /**
   * Attaches the handle to the account: free, its own, given to it, or claimed by it for long enough. Else another account holds
   * it, and keeps it.
   */
  attach(handle: string, owner: HandleOwner, request: string, quarantineMs: number): Promise<{ readonly ok: boolean }>;
  /** Where these handles lead; a released one leads nowhere. */
  owners(handles: readonly string[]): Promise<ReadonlyMap<string, HandleOwner>>;
  holding(handle: string): Promise<Holding | null>;
  /** `claimant` proved a handle that `holder` holds: from `until` on its proof counts. An earlier `until` of the same one stays. */
  contest(handle: string, holder: string, claimant: string, until: number): Promise<void>;
  /** What `claimant` proved does not count any more. */
  uncontest(handle: string, holder: string, claimant: string): Promise<void>;
  /** The holder gives it up, to nobody or to `to`; false when it does not hold it. */
  release(handle: string, holder: string, at: number, to: string | null): Promise<boolean>;
  ended(id: string): Promise<void>;
}

export interface EvidenceRow {
  /** SHA-256 of the evidence as received, base64url. */
  readonly hash: string;
  readonly account: string | null;
  readonly device: string;
  readonly format: string;
  readonly policy: string;
  /** The verdict with every check, JSON. */
  readonly verdict: string;
  /** The evidence as received, sealed with the evidence key; bytes. */
  readonly sealed: Uint8Array;
  readonly at: number;
  readonly keepUntil: number;
  /** Of a phone's state beside the evidence of its key: a device is judged again by the newest of either. */
  readonly posture: boolean;
}

/** What accepted evidence stands on, and what it takes for itself. Values of hardware are keyed hashes. */
export interface Standing {
  readonly index: readonly { readonly kind: string; readonly value: string }[];
  /** Belong to the row's account, for ever. */
  readonly keys: readonly { readonly kind: string; readonly value: string }[];
  /** The endorsement key, how many devices may stand on it, and until when this one does (ms). */
  readonly endorsement: { readonly key: string; readonly most: number; readonly until: number } | null;
}

/** `held`: nothing was written. */
export type Kept = { readonly ok: true } | { readonly ok: false; readonly held: 'evidence-cap' | 'key-in-use' };

/** A keyed hash of what identifies hardware, and of what kind it is. */
export interface HardwareMark {
  readonly kind: string;
  readonly value: string;
}

export interface HeldEnrollment {
  /** SHA-256 of the challenge's token. */
  readonly id: string;
  /** SHA-256 of the request. */
  readonly request: string;
  readonly account: string;
  readonly device: string;
  readonly format: string;
  readonly state: 'asked' | 'approved' | 'denied';
  readonly at: number;
  readonly until: number;
}

export interface Inventory {
  /** Whether any of these is listed. */
  lists(marks: readonly HardwareMark[]): Promise<boolean>;
  /** How many are listed then. */
  change(add: readonly HardwareMark[], remove: readonly HardwareMark[], now: number): Promise<number>;
  /** Written once; the same again changes nothing. */
  hold(row: HeldEnrollment): Promise<void>;
  held(id: string, now: number): Promise<HeldEnrollment | null>;
  /** By age; those that are over are forgotten. */
  waiting(now: number): Promise<readonly HeldEnrollment[]>;
  /** False when none of that id is kept. */
  decide(id: string, state: 'approved' | 'denied', now: number): Promise<boolean>;
}

export interface Evidence {
  /** All of it or nothing; the same again changes nothing. */
  put(row: EvidenceRow, standing?: Standing): Promise<Kept>;
  get(hash: string): Promise<EvidenceRow | null>;
  /** Keeps it at least until then: another certificate stands on it, which ends at `notAfter`. */
  keep(hash: string, notAfter: number, until: number): Promise<void>;
  /** Forgets evidence past its time that no certificate in force stands on; at most some hundreds at once. */
  sweep(now: number): Promise<void>;
}

/** The index of certificates, fed from accounts' outboxes; no rule reads it to decide. */
export interface CertificateRow {
  readonly serial: string;
  readonly account: string | null;
  readonly device: string;
  readonly status: 'active' | 'revoked' | 'removed';
  readonly statusAt: number;
  readonly notAfter: number | null;
  readonly evidence: string | null;
  /** Key identifier of the issuing CA, lowercase hexadecimal; null for rows of before it was told, which stand on every list. */
  readonly issuer: string | null;
  readonly reason: string | null;
}

export interface Certificates {
  /** Upserts when newer; an older statement about a serial changes nothing. */
  index(row: CertificateRow): Promise<void>;
  /** Revoked or removed, of this issuer, with an end after `endedAfter`: what its revocation list names. */
  revoked(endedAfter: number, issuer: string): Promise<readonly CertificateRow[]>;
  /** By serial; `after` is the last serial of the page before. */
  search(query: CertificateQuery, after: string, limit: number): Promise<readonly CertificateRow[]>;
  /** One row per device, by device id: its newest end, and the gravest status of its certificates. */
  devices(query: CertificateQuery, after: string, limit: number): Promise<readonly DeviceSummary[]>;
  count(now: number): Promise<CertificateCounts>;
  /** Forgets certificates that ended before `endedBefore`; at most some hundreds at once. */
  sweep(endedBefore: number): Promise<void>;
}

/** All that is given must hold. */
export interface CertificateQuery {
  readonly account?: string;
  readonly device?: string;
  readonly serial?: string;
  readonly evidence?: string;
  readonly status?: CertificateRow['status'];
}

export interface DeviceSummary {
  readonly device: string;
  readonly account: string | null;
  readonly status: CertificateRow['status'];
  readonly statusAt: number;
  readonly certificates: number;
  readonly notAfter: number | null;
}

export interface CertificateCounts {
  readonly accounts: number;
  readonly devices: number;
  /** In force at `now`. */
  readonly inForce: number;
  readonly ended: number;
  readonly revoked: number;
  readonly removed: number;
}

/** A list as it was signed; its number belongs to no other list of that issuer. */
export interface RevocationListRow {
  readonly issuer: string;
  readonly number: number;
  readonly body: Uint8Array;
  readonly digest: string;
  readonly nextUpdate: number;
}

export interface RevocationLists {
  latest(issuer: string): Promise<RevocationListRow | null>;
  /** False when its number was taken meanwhile. Lists that were out of date at `now` are forgotten. */
  put(row: RevocationListRow, now: number): Promise<boolean>;
}

/** A list without its body: enough to see whether another one is in force. */
export interface ListHead {
  readonly name: string;
  /** The newest of a name is in force. */
  readonly version: number;
  /** When it was last seen to be the newest, ms; judges how stale it is. */
  readonly fetchedAt: number;
  readonly nextUpdate: number | null;
  readonly digest: string | null;
}

export interface ListRow extends ListHead {
  readonly body: Uint8Array;
}

export interface Lists {
  /** What is in force, one per name. */
  heads(): Promise<readonly ListHead[]>;
  newest(name: string): Promise<ListRow | null>;
  /** A version is written once; false when it is there already. An older one never comes into force again. */
  put(row: ListRow, told: NewEvent): Promise<boolean>;
  /** The same list was the newest at `fetchedAt` too. Never goes back. */
  seen(name: string, version: number, fetchedAt: number): Promise<void>;
}

export type RunState = 'open' | 'held' | 'released' | 'done' | 'superseded';

export interface Run {
  readonly id: string;
  readonly kind: string;
  readonly version: string;
  readonly state: RunState;
  readonly startedAt: number;
  readonly pass: number;
  readonly cursorAt: number;
  readonly cursorId: string;
  readonly judged: number;
  readonly unclear: number;
}

export interface Finding {
  readonly evidence: string;
  readonly account: string;
  readonly device: string;
  readonly reason: string;
  readonly state: 'found' | 'revoked' | 'spared';
}

/** Evidence that a device stands on today. */
export interface Candidate {
  readonly hash: string;
  readonly account: string;
  readonly device: string;
  readonly sealed: Uint8Array;
  readonly at: number;
}

/** Which evidence a change can condemn: whatever has one of these marks, or all. */
export type Selection = { readonly kind: string; readonly values: readonly string[] } | 'all';

export interface Rejudging {
  runs(): Promise<readonly Run[]>;
  /** Puts an end to earlier runs of its kind; false when it was begun before. */
  begin(run: Run): Promise<boolean>;
  /** Newest evidence of devices that are not out of service, after the run's cursor. */
  candidates(
    run: Pick<Run, 'cursorAt' | 'cursorId'>,
    selection: Selection,
    now: number,
    limit: number,
  ): Promise<readonly Candidate[]>;
  /** The slice is durable with what it condemned. What an operator spared before in a run of this kind stays spared. */
  advance(run: Run, condemned: readonly Omit<Finding, 'state'>[]): Promise<void>;
  findings(run: string): Promise<readonly Finding[]>;
  /** Devices with a certificate in force, and those of `accounts` that keep one without `condemned`. */
  standing(
    accounts: readonly string[],
    condemned: readonly string[],
    now: number,
  ): Promise<{ readonly live: number; readonly kept: ReadonlySet<string> }>;
  /** The certificate was revoked: no renewal stands on this evidence again. */
  condemned(run: string, evidence: string, reason: string): Promise<void>;
  spare(run: string, devices: readonly string[] | 'all'): Promise<void>;
  /** False when the run was in none of `from`. */
  turn(run: string, from: readonly RunState[], to: RunState, told: NewEvent): Promise<boolean>;
}

export interface Events {
  /** One change that no actor owns; told once by its id. */
  tell(told: NewEvent): Promise<void>;
  /** Appends rows of an actor's outbox; repeats are ignored. Durable when it resolves. */
  append(rows: readonly EventRow[]): Promise<void>;
  /** In order of arrival; `after` is the cursor of the last row read. */
  after(
    cursor: number,
    types: readonly string[] | null,
    limit: number,
  ): Promise<readonly { readonly cursor: number; readonly row: EventRow }[]>;
  /** The rows of one actor, in order of arrival; of a call that is all of its milestones, also after it erased itself. */
  of(actor: string, name: string, reference?: string): Promise<readonly EventRow[]>;
  /** The newest row of this kind of actor whose id begins with `chain`. */
  last(actor: string, chain: string): Promise<EventRow | null>;
  /** Writes one row; false when its id was taken. */
  extend(row: EventRow): Promise<boolean>;
}

/** An account whose rows are to go. */
export interface Erasure {
  readonly account: string;
  readonly requestedAt: number;
  readonly doneAt: number | null;
}

/** What D1 holds of one account. */
export interface Personal {
  /** Rows by table, without what is sealed or secret. */
  export(account: string): Promise<Readonly<Record<string, readonly object[]>>>;
  /** Written before the account is closed, so that no crash leaves a closed account that nobody erases. */
  request(account: string, at: number): Promise<void>;
  withdraw(account: string): Promise<void>;
  /** Not done yet, oldest first. */
  requested(): Promise<readonly Erasure[]>;
  erase(account: string, devices: readonly string[]): Promise<void>;
  /** Nothing of it is left. */
  done(account: string, at: number): Promise<void>;
  /** Forgets what is over: quarantines of erased accounts' handles, their certificates' entries, erasures done. */
  sweep(now: number, quarantineMs: number): Promise<void>;
}

/** What a deployment is for ever. */
export interface DeploymentIdentity {
  readonly deployment: string;
  readonly jurisdiction: string;
}

export interface Repositories {
  /** Writes the identity at the first start; ever after, answers what was written then. */
  identity(claimed: DeploymentIdentity): Promise<DeploymentIdentity>;
  readonly challenges: Challenges;
  readonly handles: Handles;
  readonly evidence: Evidence;
  readonly inventory: Inventory;
  readonly certificates: Certificates;
  readonly revocationLists: RevocationLists;
  readonly lists: Lists;
  readonly rejudging: Rejudging;
  readonly events: Events;
  readonly personal: Personal;
  /** Names of the migrations that this code stands on and that were not applied, for readiness; throws where none ever was. */
  pendingMigrations(): Promise<readonly string[]>;
}
