import type { Check, Fact, Reason } from './verdict.ts';

/** Leaves a verifier at its first failed step; thrown by Checklist and caught by verifyEvidence, nowhere else. */
export class Refused extends Error {
  readonly reason: Reason;

  constructor(reason: Reason, detail: string) {
    super(detail);
    this.reason = reason;
  }
}

/** The numbered steps of one verification, recorded as they are taken. Owned by one verification and never shared. */
export class Checklist {
  readonly checks: Check[] = [];
  readonly facts: Record<string, Fact> = {};
  readonly #monitored: ReadonlySet<Reason>;

  /** `monitored`: the reasons of rules that this verification records without refusing (policy.monitor). */
  constructor(monitored: Iterable<Reason> = []) {
    this.#monitored = new Set(monitored);
  }

  /** Records a step; refuses with `reason` when it does not hold. */
  demand(holds: boolean, id: string, spec: string, reason: Reason, detail: string): asserts holds {
    this.checks.push({ id, spec, outcome: holds ? 'pass' : 'fail', detail });
    if (!holds) throw new Refused(reason, `${id}: ${detail}`);
  }

  /** A rule of policy: as `demand`, unless policy only monitors its reason. */
  rule(holds: boolean, id: string, spec: string, reason: Reason, detail: string): void {
    if (holds || !this.#monitored.has(reason)) this.demand(holds, id, spec, reason, detail);
    else this.checks.push({ id, spec, outcome: 'monitored', detail });
  }

  /** A value that must exist: what a reader returned, or a refusal when it returned null. */
  present<T>(value: T | null | undefined, id: string, spec: string, reason: Reason, detail: string): T {
    this.demand(value !== null && value !== undefined, id, spec, reason, detail);
    return value;
  }

  /** A step that does not apply here, with why. */
  skip(id: string, spec: string, detail: string): void {
    this.checks.push({ id, spec, outcome: 'skipped', detail });
  }

  fact(name: string, value: Fact): void {
    this.facts[name] = value;
  }
}
