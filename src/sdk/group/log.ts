/** The log of a group as this device verifies it: entry by entry from the founder's JOIN on, never by the server's word. */
import { fromBase64url } from '../../bytes/base64url.ts';
import { hex } from '../../bytes/hex.ts';
import { equal } from '../../bytes/join.ts';
import { accountIdOf, deviceIdOf } from '../../directory/account.ts';
import type { GroupMember } from '../../calls/group-client.ts';
import { judge } from '../calls/callee.ts';
import type { Ground } from '../calls/ground.ts';
import { applyStatement, type Member, type Roster, type RosterResult, startRoster } from '../crypto/group/roster.ts';
import type { Join } from '../crypto/group/statement.ts';
import { statementHash } from '../crypto/group/statement.ts';
import { decodeProof, type Proof } from '../crypto/group/wire.ts';
import type { Bytes } from '../crypto/provider.ts';
import { CallsignError } from '../errors.ts';

/** With whose JOIN the log may begin. */
export interface Anchor {
  /** Of the JOINs by which this device wanted to found it, or that its invitation names; hashes in hex. */
  readonly hashes: Set<string>;
  /** The verified peer of the call that became a group. */
  readonly peer: { readonly account: Bytes; readonly device: Bytes } | null;
}

export interface Entry {
  /** Null: it counts for nothing. */
  readonly proof: Proof | null;
  readonly refused: string | null;
  readonly before: Roster | null;
  readonly after: Roster | null;
}

export class GroupLog {
  readonly #ground: Ground;
  readonly #callId: Bytes;
  readonly anchor: Anchor;
  /** Rosters by number of entries. */
  readonly views = new Map<number, Roster>();
  /** Whoever was a member, by participant id in hex. */
  readonly everybody = new Map<string, Member>();
  entries = 0;
  /** Entries up to the newest REMOVE or LEAVE that counted. */
  departed = 0;
  /** Hash of the first JOIN. */
  founder: Bytes | null = null;
  roster: Roster | null = null;
  /** The log does not begin as it must: nothing of it counts. */
  broken = false;

  constructor(ground: Ground, callId: Bytes, anchor: Anchor) {
    this.#ground = ground;
    this.#callId = callId;
    this.anchor = anchor;
  }

  /** Folds the next entry; without a server to ask about its signer it is not done yet, and throws `network`. */
  async fold(text: string): Promise<Entry> {
    const bytes = fromBase64url(text);
    const proof = bytes && decodeProof(this.#callId, bytes);
    const before = this.roster;
    const result = proof ? await this.#applied(proof) : ({ ok: false, reason: 'malformed' } as const);
    this.entries += 1;
    if (result.ok) this.roster = result.roster;
    else if (before === null) this.broken = true;
    if (this.roster) this.views.set(this.entries, this.roster);
    for (const [id, member] of this.roster?.members ?? []) this.everybody.set(id, member);
    const kind = proof?.statement.kind;
    if (result.ok && (kind === 'remove' || kind === 'leave')) this.departed = this.entries;
    return {
      proof: result.ok ? proof : null,
      refused: result.ok ? null : result.reason,
      before,
      after: this.roster,
    };
  }

  async #applied(proof: Proof): Promise<RosterResult | { ok: false; reason: string }> {
    const { crypto } = this.#ground.config;
    const judged = (join: Join) => this.#judge(join, proof.certificates);
    if (this.roster) return applyStatement(crypto, this.roster, proof, judged);
    const { statement, signature } = proof;
    if (this.broken || statement.kind !== 'join') return { ok: false, reason: 'no-founder' };
    const hash = await statementHash(crypto, this.#callId, statement);
    const { hashes, peer } = this.anchor;
    const byPeer = peer && equal(peer.account, statement.account) && equal(peer.device, statement.device);
    if (!hashes.has(hex(hash)) && !byPeer) return { ok: false, reason: 'another-founder' };
    const started = await startRoster(crypto, this.#callId, { statement, signature }, judged);
    if (started.ok) this.founder = hash;
    return started;
  }

  /** As of whoever invites: certificate, manifest, key. What the server cannot show to be true is not true. */
  async #judge({ account, device, manifest }: Join, certificates: readonly Bytes[]) {
    try {
      return await judge(this.#ground, { account, device }, certificates, manifest.version);
    } catch (error) {
      if (error instanceof CallsignError && error.code === 'verification')
        return { ok: false, reason: 'not-in-manifest' } as const;
      throw error;
    }
  }

  /** Reads the manifests that these entries will need, side by side: folding goes one by one and would wait for each. */
  async foresee(texts: readonly string[]): Promise<void> {
    const joins = texts.flatMap((text) => {
      const bytes = fromBase64url(text);
      const statement = bytes && decodeProof(this.#callId, bytes)?.statement;
      return statement?.kind === 'join' ? [statement] : [];
    });
    const { directory } = this.#ground;
    const chains = joins.map(({ account, manifest }) => directory.chainOf(accountIdOf(account), manifest.version));
    await Promise.allSettled(chains);
  }

  get members(): GroupMember[] {
    return [...(this.roster?.members.values() ?? [])].map(plain);
  }

  /** The newest admission of this account that stands, its hash. */
  admissionOf(account: Bytes): string | null {
    const standing = [...(this.roster?.admissions ?? [])].filter(([, one]) => equal(one.account, account));
    return standing.at(-1)?.[0] ?? null;
  }

  /** Rosters that no epoch needs any more. */
  forget(before: number): void {
    for (const at of this.views.keys()) if (at < before && at < this.entries) this.views.delete(at);
  }
}

export function plain({ participant, account, device }: Member): GroupMember {
  return { id: hex(participant), account: accountIdOf(account), device: deviceIdOf(device) };
}
