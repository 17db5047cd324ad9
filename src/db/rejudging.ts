import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import { commit, type Database } from './database.ts';
import { events, type NewEvent } from './events.ts';
import type { Candidate, Finding, Rejudging, Run, RunState, Selection } from './repositories.ts';
import { evidence, rejudgeFinding, rejudgeRun } from './schema.ts';

const UNDER_WAY: readonly RunState[] = ['open', 'held', 'released'];

/** Runs and what they condemned. Lists of values are bound as one JSON text, because D1 binds at most a hundred. */
export class Rejudgings implements Rejudging {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  async runs(): Promise<readonly Run[]> {
    const rows = await this.#db.select().from(rejudgeRun).orderBy(asc(rejudgeRun.startedAt), asc(rejudgeRun.id));
    return rows.map((row) => ({ ...row, state: row.state as RunState }));
  }

  async begin(run: Run): Promise<boolean> {
    const earlier = and(eq(rejudgeRun.kind, run.kind), inArray(rejudgeRun.state, [...UNDER_WAY]));
    const held = await commit(this.#db, [
      this.#db.update(rejudgeRun).set({ state: 'superseded' }).where(earlier),
      this.#db.insert(rejudgeRun).values(run),
    ]);
    return held === null;
  }

  async candidates(
    run: Pick<Run, 'cursorAt' | 'cursorId'>,
    selection: Selection,
    now: number,
    limit: number,
  ): Promise<readonly Candidate[]> {
    const marked =
      selection === 'all'
        ? sql`1`
        : sql`id IN (SELECT evidence FROM evidence_index WHERE kind = ${selection.kind}
                AND value IN (SELECT value FROM json_each(${JSON.stringify(selection.values)})))`;
    return this.#db
      .select({
        hash: evidence.id,
        account: sql<string>`${evidence.account}`,
        device: evidence.device,
        sealed: evidence.body,
        at: evidence.judgedAt,
      })
      .from(evidence)
      .where(
        sql`(judged_at, id) > (${run.cursorAt}, ${run.cursorId}) AND account IS NOT NULL AND keep_until > ${now}
            AND NOT EXISTS (SELECT 1 FROM certificate WHERE certificate.device = evidence.device AND certificate.status <> 'active')
            AND NOT EXISTS (SELECT 1 FROM evidence AS newer WHERE newer.device = evidence.device AND newer.posture = evidence.posture AND newer.judged_at > evidence.judged_at)
            AND ${marked}`,
      )
      .orderBy(asc(evidence.judgedAt), asc(evidence.id))
      .limit(limit);
  }

  async advance(run: Run, condemned: readonly Omit<Finding, 'state'>[]): Promise<void> {
    const { id, kind, pass, cursorAt, cursorId, judged, unclear } = run;
    await commit(this.#db, [
      this.#db.update(rejudgeRun).set({ pass, cursorAt, cursorId, judged, unclear }).where(eq(rejudgeRun.id, id)),
      ...condemned.map((finding) => {
        const spared = sql`EXISTS (SELECT 1 FROM rejudge_finding JOIN rejudge_run ON rejudge_run.id = rejudge_finding.run
          WHERE rejudge_run.kind = ${kind} AND rejudge_finding.evidence = ${finding.evidence}
          AND rejudge_finding.reason = ${finding.reason} AND rejudge_finding.state = 'spared')`;
        return this.#db
          .insert(rejudgeFinding)
          .values({ ...finding, run: id, state: sql`CASE WHEN ${spared} THEN 'spared' ELSE 'found' END` })
          .onConflictDoNothing();
      }),
    ]);
  }

  async findings(run: string): Promise<readonly Finding[]> {
    const rows = await this.#db
      .select()
      .from(rejudgeFinding)
      .where(eq(rejudgeFinding.run, run))
      .orderBy(asc(rejudgeFinding.evidence));
    return rows.map(({ run: _run, state, ...row }) => ({ ...row, state: state as Finding['state'] }));
  }

  async standing(accounts: readonly string[], condemned: readonly string[], now: number) {
    const inForce = sql`status = 'active' AND not_after > ${now}`;
    const [count] = await this.#db.all<{ live: number }>(
      sql`SELECT COUNT(DISTINCT device) AS live FROM certificate WHERE ${inForce}`,
    );
    const rows = await this.#db.all<{ account: string }>(
      sql`SELECT DISTINCT account FROM certificate WHERE ${inForce}
          AND account IN (SELECT value FROM json_each(${JSON.stringify(accounts)}))
          AND device NOT IN (SELECT value FROM json_each(${JSON.stringify(condemned)}))`,
    );
    return { live: count?.live ?? 0, kept: new Set(rows.map(({ account }) => account)) };
  }

  async condemned(run: string, hash: string, reason: string): Promise<void> {
    await commit(this.#db, [
      this.#db
        .update(evidence)
        .set({ verdict: sql`json_set(${evidence.verdict}, '$.decision', 'refuse', '$.reason', ${reason})` })
        .where(eq(evidence.id, hash)),
      this.#db
        .update(rejudgeFinding)
        .set({ state: 'revoked' })
        .where(and(eq(rejudgeFinding.run, run), eq(rejudgeFinding.evidence, hash))),
    ]);
  }

  async spare(run: string, devices: readonly string[] | 'all'): Promise<void> {
    const named = devices === 'all' ? sql`1` : sql`device IN (SELECT value FROM json_each(${JSON.stringify(devices)}))`;
    await this.#db
      .update(rejudgeFinding)
      .set({ state: 'spared' })
      .where(and(eq(rejudgeFinding.run, run), eq(rejudgeFinding.state, 'found'), named));
  }

  async turn(run: string, from: readonly RunState[], to: RunState, told: NewEvent): Promise<boolean> {
    const rows = await this.#db
      .update(rejudgeRun)
      .set({ state: to })
      .where(and(eq(rejudgeRun.id, run), inArray(rejudgeRun.state, [...from])))
      .returning({ id: rejudgeRun.id });
    if (rows.length > 0) await commit(this.#db, [events.append(this.#db, told)]);
    return rows.length > 0;
  }
}
