import { configuredPolicy } from '../attestation/policy/configured.ts';
import { fromBase64url } from '../bytes/base64url.ts';
import { json } from '../http/body.ts';
import { factory } from '../http/context.ts';
import { audit } from '../http/operator.ts';
import { problem, unavailable } from '../http/problem.ts';
import { acceptList } from '../jobs/lists/accept.ts';
import { brake, tryPolicy } from '../jobs/rejudge.ts';
import { ListImport, PolicyTrial, RunDecision } from '../protocol/api.ts';

/** Bytes of a request with a list: base64url of the largest, and what is around it. */
const IMPORT_MAX_BYTES = 23_000_000;

/** Lists that an operator brings, and runs that wait for one. Part of the operator's view, which opens the door to it. */
export const lists = factory
  .createApp()
  .post('/v1/admin/lists', async (c) => {
    const read = await json(c, ListImport, IMPORT_MAX_BYTES);
    if (!read.ok) return read.response;
    const { name, fetchedAt, list } = read.value;
    if (!(await audit(c, { type: 'operator.imported-list', subject: name, reason: null })))
      return unavailable(c, 'audit');
    const { db, trust, now } = c.var.services;
    const offer = { name, fetchedAt, bytes: fromBase64url(list) ?? new Uint8Array(), now: now() };
    const accepted = await acceptList(db, trust.base, offer);
    if (!accepted.ok) return problem(c, 'refused', 'list-refused', { why: accepted.reason });
    await trust.reload();
    return c.json({ name, version: accepted.version, changed: accepted.changed });
  })
  .post('/v1/admin/policy-trials', async (c) => {
    const read = await json(c, PolicyTrial);
    if (!read.ok) return read.response;
    const configured = configuredPolicy(JSON.stringify(read.value.policy));
    if (!configured.ok) return problem(c, 'refused', 'policy-malformed', { problems: configured.problems });
    const { policy: tried } = configured;
    if (!(await audit(c, { type: 'operator.tried-policy', subject: tried.version, reason: null })))
      return unavailable(c, 'audit');
    const { db, trust, policy, keys, now } = c.var.services;
    const secrets = { evidence: keys.evidence.secret, hardware: keys.hardware.secret };
    const ground = { db, policy, secrets, trust: await trust.current() };
    const trial = await tryPolicy(ground, tried, read.value.after ?? '', now());
    return c.json({ policy: tried.version, against: policy.version, ...trial });
  })
  .get('/v1/admin/runs', async (c) => c.json({ runs: await c.var.services.db.rejudging.runs() }))
  .post('/v1/admin/runs', async (c) => {
    const read = await json(c, RunDecision);
    if (!read.ok) return read.response;
    const { run: id, decision, devices, reason } = read.value;
    const type = 'operator.decided-run';
    if (!(await audit(c, { type, subject: id, reason: `${decision}: ${reason}` }))) return unavailable(c, 'audit');
    const { db, now } = c.var.services;
    const shown = await brake.show({ db }, id);
    if (shown === null) return problem(c, 'not-found', 'no-such-run');
    const { run, findings } = shown;
    if (decision === 'show') return c.json({ run, findings });
    const held =
      decision === 'narrow'
        ? await brake.narrow({ db }, run, devices, now())
        : await brake[decision]({ db }, run, now());
    if (!held) return problem(c, 'conflict', 'run-not-held');
    return c.json((await brake.show({ db }, id)) ?? { run, findings });
  });
