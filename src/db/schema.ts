import { customType, index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';

/**
 * D1: what it decides by itself (handles, used challenges, evidence, lists, policies) and what it only indexes for
 * operators and jobs (certificates, events). Times are ms since 1970, bytes are BLOBs, and a foreign key never cascades: a
 * table rebuild would empty the child without an error.
 */

/** D1 returns a BLOB as an array of numbers, other SQLites as bytes; here it is always bytes. */
const bytes = customType<{ data: Uint8Array; driverData: Uint8Array | ArrayBuffer | number[] }>({
  dataType: () => 'blob',
  toDriver: (value) => value,
  fromDriver: (value) => (value instanceof Uint8Array ? value : new Uint8Array(value)),
});

/** What this deployment is, written once at its first start: one row. */
export const deployment = sqliteTable('deployment', {
  /** Always 1. */
  id: integer().primaryKey(),
  deployment: text().notNull(),
  /** Object ids are made in it, so it can never change. */
  jurisdiction: text().notNull(),
});

/** Decides handle -> account: one account per handle, and who may have it next. A released handle keeps its row through its quarantine. */
export const handle = sqliteTable(
  'handle',
  {
    /** Keyed hash of the canonical handle. */
    handle: text().primaryKey(),
    account: text().notNull(),
    method: text().notNull(),
    verifiedAt: integer('verified_at').notNull(),
    /** The request that wrote the row as it is, so that the same request again is no change. */
    request: text().notNull(),
    /** When its account gave it up; from then on it leads nowhere, and to nobody else before its quarantine is over. */
    releasedAt: integer('released_at'),
    /** Another account that proved it, or that the holder gave it to, and from when on a proof gives it to that one. */
    claimant: text(),
    claimUntil: integer('claim_until'),
  },
  (table) => [index('handle_account').on(table.account)],
);

/** Codes that were sent, one row each, so that what a handle and a deployment get in a day can be limited. */
export const sentCode = sqliteTable(
  'sent_code',
  { sequence: integer().primaryKey({ autoIncrement: true }), handle: text().notNull(), at: integer().notNull() },
  (table) => [index('sent_code_handle').on(table.handle, table.at), index('sent_code_at').on(table.at)],
);

/** Codes on their way to handles; a row goes when it was right, and expired ones are swept. */
export const verification = sqliteTable(
  'verification',
  {
    /** 16 random bytes, base64url. */
    id: text().primaryKey(),
    /** Keyed hash of the canonical handle. */
    handle: text().notNull(),
    account: text().notNull(),
    device: text().notNull(),
    /** Names its MAC key: `<kid>.<mac>`. */
    code: text().notNull(),
    expiresAt: integer('expires_at').notNull(),
    tries: integer().notNull(),
  },
  (table) => [index('verification_expires').on(table.expiresAt)],
);

/** Wrong codes, one row each, so that a day's total over all resends can be limited. */
export const wrongCode = sqliteTable(
  'wrong_code',
  { sequence: integer().primaryKey({ autoIncrement: true }), handle: text().notNull(), at: integer().notNull() },
  (table) => [index('wrong_code_handle').on(table.handle, table.at)],
);

/** Decides that a challenge was used: the INSERT is the check. A row may go once the challenge itself has expired. */
export const challengeUse = sqliteTable(
  'challenge_use',
  {
    /** base64url of the 32-byte nonce. */
    nonce: text().primaryKey(),
    expiresAt: integer('expires_at').notNull(),
    request: text().notNull(),
  },
  (table) => [index('challenge_use_expires').on(table.expiresAt)],
);

/** Evidence as it was judged. Kept as long as its certificate and 30 days more, because what was accepted is re-judged. */
export const evidence = sqliteTable(
  'evidence',
  {
    /** SHA-256 of the evidence, base64url. */
    id: text().primaryKey(),
    account: text(),
    device: text().notNull(),
    format: text().notNull(),
    body: bytes().notNull(),
    /** The verdict as JSON; names its policy and anchor. */
    verdict: text().notNull(),
    policy: text().notNull(),
    judgedAt: integer('judged_at').notNull(),
    keepUntil: integer('keep_until').notNull(),
    request: text().notNull(),
    /** 1: of a phone's state, beside the evidence that its key stands on. */
    posture: integer().notNull().default(0),
  },
  (table) => [index('evidence_policy').on(table.policy), index('evidence_keep').on(table.keepUntil)],
);

/** What a list can condemn. Serials, keys, endorsement keys and credential ids are keyed hashes; AAGUIDs and anchors are not. */
export const evidenceIndex = sqliteTable(
  'evidence_index',
  {
    /** serial | spki | aaguid | ek | anchor | credential */
    kind: text().notNull(),
    value: text().notNull(),
    evidence: text()
      .notNull()
      .references(() => evidence.id),
  },
  (table) => [
    primaryKey({ columns: [table.kind, table.value, table.evidence] }),
    index('evidence_index_evidence').on(table.evidence),
  ],
);

/** Decides how many devices stand on one endorsement key: a row that policy has no room for aborts its batch. */
export const endorsementUse = sqliteTable(
  'endorsement_use',
  {
    /** Keyed hash of the endorsement key. */
    endorsement: text().notNull(),
    device: text().notNull(),
    /** When the certificate that stands on it ends. */
    until: integer().notNull(),
    /** Null when the cap is reached, which the column does not take. */
    allowed: integer().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.endorsement, table.device] }),
    index('endorsement_use_device').on(table.device),
  ],
);

/** Decides whose a key is, for ever: identity keys, attested keys and credential ids, as keyed hashes. */
export const keyOwner = sqliteTable(
  'key_owner',
  {
    /** spki | credential */
    kind: text().notNull(),
    value: text().notNull(),
    account: text().notNull(),
  },
  (table) => [primaryKey({ columns: [table.kind, table.value] })],
);

/** An index only: the Account actor decides. Fed by its mail, and written only by a newer `revision`. */
export const certificate = sqliteTable(
  'certificate',
  {
    serial: text().primaryKey(),
    account: text(),
    device: text().notNull(),
    /** No foreign key: the index may hear of a certificate before its evidence. */
    evidence: text(),
    /** Key identifier of the issuing CA, lowercase hexadecimal. */
    issuer: text(),
    notAfter: integer('not_after'),
    /** active | revoked | removed */
    status: text().notNull(),
    reason: text(),
    /** When the status became this, by the account's clock. */
    revision: integer().notNull(),
  },
  (table) => [
    index('certificate_device').on(table.device),
    index('certificate_account').on(table.account),
    index('certificate_evidence').on(table.evidence),
  ],
);

/** Trust and status lists as they were fetched; the newest version of a name is in force. */
export const list = sqliteTable(
  'list',
  {
    name: text().notNull(),
    version: integer().notNull(),
    body: bytes().notNull(),
    /** When it was last seen to be the newest; grows without a new version when the same list is fetched again. */
    fetchedAt: integer('fetched_at').notNull(),
    nextUpdate: integer('next_update'),
    /** SHA-256 of what was kept of it, base64url: the same content is the same version. */
    digest: text(),
  },
  (table) => [primaryKey({ columns: [table.name, table.version] })],
);

/** Judging what was accepted once more, because a list or the policy is another one; one row per change. */
export const rejudgeRun = sqliteTable('rejudge_run', {
  /** kind, version and the run before it, so that one change is one run. */
  id: text().primaryKey(),
  /** mds | android-status | policy */
  kind: text().notNull(),
  version: text().notNull(),
  /** open | held | released | done | superseded */
  state: text().notNull(),
  startedAt: integer('started_at').notNull(),
  /** 1: everything; 2: once more what was accepted around the start. */
  pass: integer().notNull(),
  /** Where the pass is: evidence up to here was judged. */
  cursorAt: integer('cursor_at').notNull(),
  cursorId: text('cursor_id').notNull(),
  judged: integer().notNull(),
  /** Could not be judged again; nothing follows from it. */
  unclear: integer().notNull(),
});

/** What a run condemned. */
export const rejudgeFinding = sqliteTable(
  'rejudge_finding',
  {
    run: text()
      .notNull()
      .references(() => rejudgeRun.id),
    evidence: text().notNull(),
    account: text().notNull(),
    device: text().notNull(),
    reason: text().notNull(),
    /** found | revoked | spared */
    state: text().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.run, table.evidence] }),
    index('rejudge_finding_evidence').on(table.evidence),
  ],
);

/** Policies are never changed: a new one is a new row, and verdicts name the row they were made under. */
export const policy = sqliteTable('policy', {
  version: text().primaryKey(),
  body: text().notNull(),
  inForceFrom: integer('in_force_from').notNull(),
});

/**
 * What outsiders may need to hear of, written with the change itself. No handle, name, address or content. `previousHash`
 * and `hash` are filled by the one job that seals the chain, because nothing read before a batch decides what it writes.
 */
export const event = sqliteTable(
  'event',
  {
    sequence: integer().primaryKey({ autoIncrement: true }),
    id: text().notNull().unique(),
    at: integer().notNull(),
    type: text().notNull(),
    /** info | notice | alarm */
    severity: text().notNull(),
    actor: text(),
    subject: text(),
    reason: text(),
    reference: text(),
    request: text(),
    /** What the row told the indexes, JSON; part of what the hash covers. */
    indexed: text(),
    previousHash: text('previous_hash'),
    hash: text(),
  },
  (table) => [index('event_at').on(table.at), index('event_actor').on(table.actor, table.sequence)],
);

/** Revocation lists as they were signed; the highest number of an issuer is in force. The key makes every number one list. */
export const revocationList = sqliteTable(
  'revocation_list',
  {
    /** Key identifier of the issuer, lowercase hexadecimal. */
    issuer: text().notNull(),
    number: integer().notNull(),
    /** DER. */
    body: bytes().notNull(),
    /** SHA-256 of its entries, base64url. */
    digest: text().notNull(),
    nextUpdate: integer('next_update').notNull(),
  },
  (table) => [primaryKey({ columns: [table.issuer, table.number] })],
);

/** Hardware that the operator lists, as keyed hashes; what policy `inventory` asks. */
export const inventory = sqliteTable(
  'inventory',
  {
    /** ek | serial | spki | credential */
    kind: text().notNull(),
    value: text().notNull(),
    at: integer().notNull(),
  },
  (table) => [primaryKey({ columns: [table.kind, table.value] })],
);

/** Enrollments that wait for an operator's yes, and what the operator said. */
export const heldEnrollment = sqliteTable(
  'held_enrollment',
  {
    /** SHA-256 of the challenge's token. */
    id: text().primaryKey(),
    /** SHA-256 of the request: the very same goes on, and no other. */
    request: text().notNull(),
    account: text().notNull(),
    device: text().notNull(),
    format: text().notNull(),
    /** asked | approved | denied */
    state: text().notNull(),
    at: integer().notNull(),
    until: integer().notNull(),
  },
  (table) => [index('held_enrollment_until').on(table.until)],
);

/** Accounts that their owners closed, until nothing of them is left; remembered for 30 days after. */
export const erasure = sqliteTable('erasure', {
  account: text().primaryKey(),
  requestedAt: integer('requested_at').notNull(),
  doneAt: integer('done_at'),
});
