import { hardwareHash } from '../attestation/stored/record.ts';
import { json } from '../http/body.ts';
import { factory } from '../http/context.ts';
import { audit } from '../http/operator.ts';
import { problem, unavailable } from '../http/problem.ts';
import { HoldDecision, InventoryChange } from '../protocol/api.ts';

/** The operator's hardware, and enrollments that wait for the operator's yes. Part of the operator's view, which opens the door to it. */
export const inventory = factory
  .createApp()
  .post('/v1/admin/inventory', async (c) => {
    const read = await json(c, InventoryChange);
    if (!read.ok) return read.response;
    const { add, remove } = read.value;
    const reason = `${add.length} added, ${remove.length} removed`;
    if (!(await audit(c, { type: 'operator.changed-inventory', subject: '*', reason }))) return unavailable(c, 'audit');
    const { db, keys, now } = c.var.services;
    const hashed = (marks: typeof add) =>
      marks.map(({ kind, value }) => ({ kind, value: hardwareHash(keys.hardware.secret, kind, value) }));
    return c.json({ listed: await db.inventory.change(hashed(add), hashed(remove), now()) });
  })
  .get('/v1/admin/holds', async (c) => {
    const { db, now } = c.var.services;
    const rows = await db.inventory.waiting(now());
    return c.json({ holds: rows.map(({ request: _request, ...row }) => row) });
  })
  .post('/v1/admin/holds', async (c) => {
    const read = await json(c, HoldDecision);
    if (!read.ok) return read.response;
    const { hold, decision, reason } = read.value;
    const type = 'operator.decided-hold';
    if (!(await audit(c, { type, subject: hold, reason: `${decision}: ${reason}` }))) return unavailable(c, 'audit');
    const { db, now } = c.var.services;
    const state = decision === 'approve' ? 'approved' : 'denied';
    if (!(await db.inventory.decide(hold, state, now()))) return problem(c, 'not-found', 'no-such-hold');
    return c.json({ hold, state });
  });
