import { PROBLEMS, type Problem, type ProblemSlug, type ReasonOf } from '../protocol/problem.ts';
import type { AppContext } from './context.ts';

export const PROBLEM_TYPE = 'application/problem+json';

/** A safe refusal (RFC 9457): nothing that was sent, no check that failed, a request id to ask the operator with. */
export function problem<Slug extends ProblemSlug>(
  c: AppContext,
  slug: Slug,
  reason: ReasonOf<Slug>,
  extensions: Readonly<Record<string, unknown>> = {},
): Response {
  const { status, title } = PROBLEMS[slug];
  const { origin } = c.var.services.deployment;
  c.set('problem', reason);
  const document: Problem = {
    ...extensions,
    type: `${origin}/problems/${slug}`,
    title,
    status,
    reason,
    instance: c.var.request,
  };
  return c.body(JSON.stringify(document), status, { 'Content-Type': PROBLEM_TYPE, 'Cache-Control': 'no-store' });
}

/** An answer that an actor did not give: what was asked may have happened. */
export function unavailable(c: AppContext, reason: ReasonOf<'unavailable'>): Response {
  c.header('Retry-After', '1');
  return problem(c, 'unavailable', reason);
}
