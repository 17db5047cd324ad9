import * as v from 'valibot';
import { type CallSight, whyOf } from '../calls/why.ts';
import { accountOf, ask, callOf } from '../http/ask.ts';
import { json } from '../http/body.ts';
import { type AppContext, factory } from '../http/context.ts';
import { audit, operated } from '../http/operator.ts';
import { problem, unavailable } from '../http/problem.ts';
import { ofActor } from '../http/refusals.ts';
import type { CertificateQuery } from '../db/repositories.ts';
import { issuerName } from '../ca/authority.ts';
import { currentRevocationList } from '../jobs/revocation-list.ts';
import { OperatorRevocation } from '../protocol/api.ts';
import { CallId } from '../protocol/call.ts';
import { inventory } from './inventory.ts';
import { lists } from './lists.ts';
import { Hash } from '../protocol/identity.ts';

const PAGE = 100;
const EVENTS_PAGE = 1_000;
const Query = v.object({
  account: v.optional(v.pipe(v.string(), v.maxLength(64))),
  device: v.optional(v.pipe(v.string(), v.maxLength(64))),
  serial: v.optional(v.pipe(v.string(), v.maxLength(64))),
  evidence: v.optional(v.pipe(v.string(), v.maxLength(64))),
  status: v.optional(v.picklist(['active', 'revoked', 'removed'])),
});
const Types = v.pipe(v.string(), v.regex(/^[a-z-]+\.[a-z-]+(,[a-z-]+\.[a-z-]+){0,31}$/));

/** The operator's view. Everything but the feed and the deployment's own state is written into the audit before it is done. */
export const admin = factory
  .createApp()
  .use('/v1/admin/*', operated)
  .route('/', lists)
  .route('/', inventory)
  .get('/v1/admin/devices', (c) =>
    searched(c, (query, after) => c.var.services.db.certificates.devices(query, after, PAGE), 'devices', 'device'),
  )
  .get('/v1/admin/certificates', (c) =>
    searched(c, (query, after) => c.var.services.db.certificates.search(query, after, PAGE), 'certificates', 'serial'),
  )
  .get('/v1/admin/verdicts/:evidence', async (c) => {
    const hash = c.req.param('evidence');
    if (!v.is(Hash, hash)) return problem(c, 'bad-request', 'malformed-query');
    if (!(await audit(c, { type: 'operator.read-verdict', subject: hash, reason: null }))) return unaudited(c);
    const row = await c.var.services.db.evidence.get(hash);
    if (!row) return problem(c, 'not-found', 'no-such-evidence');
    const { sealed: _sealed, verdict, ...told } = row;
    return c.json({ ...told, verdict: JSON.parse(verdict) as object });
  })
  .post('/v1/admin/revocations', async (c) => {
    const read = await json(c, OperatorRevocation);
    if (!read.ok) return read.response;
    const { account = null, device, reason } = read.value;
    if (!(await audit(c, { type: 'operator.asked-revocation', subject: device, reason }))) return unaudited(c);
    const command = { do: 'revoke', device, reason, by: 'operator', request: c.var.request };
    const asked = await ask<{ status: string; statusAt: number }>(c, accountOf(account ?? device), command);
    if (!asked.ok) return asked.response;
    if (!asked.value.ok) {
      const { slug, reason: refused } = ofActor(asked.value.reason);
      const missing = refused === 'unknown-account' || refused === 'unknown-device';
      return missing ? problem(c, 'not-found', refused) : problem(c, slug, refused);
    }
    const { status, statusAt } = asked.value;
    return c.json({ account, device, status, statusAt });
  })
  /** Why a call rang, or did not. Where the actor cannot be asked, or has erased itself, the milestones stand alone. */
  .get('/v1/admin/calls/:call', async (c) => {
    const call = c.req.param('call');
    if (!v.is(CallId, call)) return problem(c, 'bad-request', 'malformed-query');
    if (!(await audit(c, { type: 'operator.read-call', subject: call, reason: null }))) return unaudited(c);
    const [rows, asked] = await Promise.all([
      c.var.services.db.events.of('call', call),
      ask<{ sight: CallSight }>(c, callOf(call), { do: 'sight' }),
    ]);
    const live = asked.ok && asked.value.ok ? asked.value.sight : null;
    if (rows.length === 0 && !live) return asked.ok ? problem(c, 'not-found', 'unknown-call') : asked.response;
    const milestones = rows.map(({ type, at, reason }) => ({ type, at, reason }));
    const told = await Promise.all(
      (live?.legs ?? []).map(({ device }) => c.var.services.db.events.of('device', device, call)),
    );
    const pushes = told.flat().map(({ subject: device, type, at, reason }) => ({ device, type, at, reason }));
    return c.json({ call, why: whyOf(milestones), milestones, pushes, live });
  })
  .get('/v1/admin/policy', (c) => c.json(c.var.services.policy))
  .get('/v1/admin/trust', async (c) => {
    const { anchors, metadata, androidStatus } = await c.var.services.trust.current();
    return c.json({
      anchors: anchors.map(({ id, class: kind, formats, vendor, certificate }) => {
        return { id, class: kind, formats, vendor, notAfter: certificate.notAfter };
      }),
      lists: {
        metadata: metadata && { number: metadata.no, fetchedAt: metadata.fetchedAt, nextUpdate: metadata.nextUpdate },
        androidStatus: androidStatus && { fetchedAt: androidStatus.fetchedAt },
      },
    });
  })
  .get('/v1/admin/counters', async (c) => {
    const { db, keys, now } = c.var.services;
    const at = now();
    const certificates = await db.certificates.count(at);
    const issuers = await Promise.all(
      keys.issuers.map(async (issuer) => {
        await currentRevocationList(issuer, db, at);
        const list = await db.revocationLists.latest(issuerName(issuer));
        const revocationList = list && { number: list.number, nextUpdate: list.nextUpdate };
        return { issuer: issuerName(issuer), notAfter: issuer.certificate.notAfter, revocationList };
      }),
    );
    const [{ notAfter, revocationList }] = issuers as [(typeof issuers)[0], ...typeof issuers];
    return c.json({ at, certificates, revocationList, issuer: { notAfter }, issuers });
  })
  .get('/v1/admin/events', async (c) => {
    const after = c.req.query('after') ?? '0';
    const types = c.req.query('types');
    if (!/^\d{1,15}$/.test(after) || !(types === undefined || v.is(Types, types)))
      return problem(c, 'bad-request', 'malformed-query');
    const rows = await c.var.services.db.events.after(Number(after), types?.split(',') ?? null, EVENTS_PAGE);
    const lines = rows.map(({ cursor, row }) => `${JSON.stringify({ cursor, ...row })}\n`);
    return c.body(lines.join(''), 200, { 'Content-Type': 'application/x-ndjson' });
  });

/** A page of the index: what was asked is audited by what narrows it most. */
async function searched<T>(
  c: AppContext,
  read: (query: CertificateQuery, after: string) => Promise<readonly T[]>,
  name: string,
  key: keyof T & string,
): Promise<Response> {
  const parsed = v.safeParse(Query, c.req.query());
  const after = c.req.query('after') ?? '';
  if (!parsed.success || after.length > 64) return problem(c, 'bad-request', 'malformed-query');
  const query = parsed.output as CertificateQuery;
  const subject = query.serial ?? query.evidence ?? query.device ?? query.account ?? '*';
  if (!(await audit(c, { type: 'operator.searched', subject, reason: name }))) return unaudited(c);
  const rows = await read(query, after);
  const last = rows.at(-1);
  return c.json({ [name]: rows, next: rows.length === PAGE && last ? last[key] : null });
}

/** What cannot be written down is not done. */
function unaudited(c: AppContext): Response {
  return unavailable(c, 'audit');
}
