import { eventHash } from '../actors/events.ts';
import { authenticateOperator } from './auth/operator.ts';
import { type AppContext, factory } from './context.ts';
import { problem, unavailable } from './problem.ts';

/** Opens `/v1/admin` to the operator, and to nobody else: a device's token is no credential here. */
export const operated = factory.createMiddleware(async (c, next) => {
  const { operator, now } = c.var.services;
  const shown = {
    authorization: c.req.header('Authorization') ?? null,
    assertion: c.req.header('Cf-Access-Jwt-Assertion') ?? null,
  };
  c.header('Cache-Control', 'no-store');
  const who = await authenticateOperator(shown, operator, now());
  if (who.ok) {
    c.set('operator', who.operator);
    await next();
    if (c.req.method === 'POST' && c.res.status >= 400 && c.res.status < 500) await auditRefusal(c);
    return;
  }
  c.var.services.log({ event: 'operator.refused', request: c.var.request, reason: who.reason });
  if (who.reason === 'access-unavailable') return problem(c, 'unavailable', who.reason);
  c.header('WWW-Authenticate', 'Bearer');
  return problem(c, 'unauthenticated', who.reason);
});

/** What an operator asked for. `subject` is a device, serial, evidence hash or account; `reason` the operator's own words. */
export interface Asked {
  readonly type:
    | 'operator.searched'
    | 'operator.read-verdict'
    | 'operator.read-call'
    | 'operator.asked-revocation'
    | 'operator.imported-list'
    | 'operator.decided-run'
    | 'operator.tried-policy'
    | 'operator.changed-inventory'
    | 'operator.decided-hold'
    | 'operator.was-refused';
  readonly subject: string;
  readonly reason: string | null;
}

/**
 * An action that came to nothing, malformed ones included: its subject, or the resource when it was not read that far, and
 * the reason of the answer. A 5xx is no refusal: what was asked may have happened.
 */
async function auditRefusal(c: AppContext): Promise<void> {
  const subject = c.var.asked ?? c.req.routePath;
  const written = await audit(c, { type: 'operator.was-refused', subject, reason: c.var.problem ?? null });
  if (!written) c.res = unavailable(c, 'audit');
}

const ROUNDS = 8;

/**
 * Writes down who asked what, before it is done: nothing an operator does is missing from the audit, though what was asked
 * may then have failed. Each operator has a chain of its own, and a number is taken by writing it, so that two rows never
 * have the same predecessor.
 */
export async function audit(c: AppContext, { type, subject, reason }: Asked): Promise<boolean> {
  const { db, now } = c.var.services;
  const chain = `operator/${c.var.operator}/`;
  c.set('asked', subject);
  for (let round = 0; round < ROUNDS; round++) {
    const last = await db.events.last('operator', chain);
    const n = last === null ? 1 : Number(last.id.slice(chain.length)) + 1;
    const fields = {
      id: `${chain}${n}`,
      at: now(),
      type,
      severity:
        type.startsWith('operator.read-') || type === 'operator.searched' ? ('info' as const) : ('notice' as const),
      actor: 'operator',
      subject,
      reason,
      reference: null,
      request: c.var.request,
      index: null,
      previous: last?.hash ?? '',
    };
    if (await db.events.extend({ ...fields, hash: eventHash(fields) })) return true;
  }
  return false;
}
