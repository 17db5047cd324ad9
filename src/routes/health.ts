import { problem } from '../http/problem.ts';
import { factory } from '../http/context.ts';

/** Liveness and readiness: alive says that the process answers, ready that everything it stands on does too. */
export const health = factory
  .createApp()
  .get('/healthz', (c) => c.json({ status: 'ok' }))
  .get('/readyz', async (c) => {
    const missing = await c.var.services.ready();
    if (missing.length > 0) return problem(c, 'unavailable', 'not-ready', { missing });
    return c.json({ status: 'ready' });
  });
