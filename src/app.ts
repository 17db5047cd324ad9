import { HTTPException } from 'hono/http-exception';
import { type AppContext, factory, proxyRequestId, requestId } from './http/context.ts';
import { changedByOwnPages, readableByPages } from './http/cors.ts';
import { problem, unavailable } from './http/problem.ts';
import type { Services } from './http/services.ts';
import { account } from './routes/account.ts';
import { admin } from './routes/admin.ts';
import { calls } from './routes/calls.ts';
import { courier } from './routes/courier.ts';
import { deployment } from './routes/deployment.ts';
import { development } from './routes/development.ts';
import { devices } from './routes/devices.ts';
import { enrollments } from './routes/enrollments.ts';
import { handles } from './routes/handles.ts';
import { health } from './routes/health.ts';
import { ice } from './routes/ice-servers.ts';
import { push } from './routes/push.ts';
import { waking } from './routes/wake.ts';
import { home } from './routes/home.ts';
import { keys } from './routes/keys.ts';
import { links } from './routes/links.ts';
import { lookups } from './routes/lookups.ts';
import { manifests } from './routes/manifests.ts';
import { description } from './routes/openapi.ts';
import { pki } from './routes/pki.ts';
import { recovery } from './routes/recovery.ts';
import { renewals } from './routes/renewals.ts';
import { token } from './routes/token.ts';

const ROOMS = [
  home,
  description,
  health,
  deployment,
  pki,
  development,
  enrollments,
  renewals,
  token,
  manifests,
  links,
  recovery,
  keys,
  handles,
  lookups,
  courier,
  push,
  waking,
  ice,
  calls,
  account,
  devices,
  admin,
];
const METHODS = ['GET', 'POST', 'PUT', 'DELETE'] as const;

/** Routes and middleware; one onError, one notFound. `servicesOf` is called per request, so that bindings are never kept. */
export function createApp(servicesOf: (env: unknown) => Services | Promise<Services>) {
  const app = factory.createApp();
  app.use(async (c, next) => {
    const services = await servicesOf(c.env);
    c.set('services', services);
    c.set('request', requestId(services));
    const proxy = proxyRequestId(c.req.header('X-Request-Id'));
    const started = services.now();
    /** A request that became a socket is closed to its reader: what the log needs of it is read before. */
    await next();
    headers(c);
    services.log({
      event: 'request',
      request: c.var.request,
      method: c.req.method,
      path: c.req.routePath,
      status: c.res.status,
      ms: services.now() - started,
      proxy,
    });
  });
  app.use(readableByPages);
  app.use(changedByOwnPages);
  for (const room of ROOMS) app.route('/', room);
  app.notFound((c) => {
    const known = METHODS.filter(
      (method) => app.router.match(method, c.req.path)[0].length > app.router.match('TRACE', c.req.path)[0].length,
    );
    if (known.length === 0) return problem(c, 'not-found', 'no-such-resource');
    c.header('Allow', known.join(', '));
    return problem(c, 'method-not-allowed', 'method');
  });
  app.onError((error, c) => {
    // Nothing could be composed: the host logs the sentence that says why.
    if (!('services' in c.var)) throw error;
    if (error instanceof HTTPException && error.status < 500) return problem(c, 'bad-request', 'malformed');
    c.var.services.log({ event: 'request.failed', request: c.var.request, error: told(error) });
    return isStorageFailure(error) ? unavailable(c, 'unavailable') : problem(c, 'internal', 'internal');
  });
  return app;
}

/** As drizzle-orm's DrizzleQueryError is, which gives itself no name. */
function isFailedQuery(error: Error): boolean {
  return 'query' in error && 'params' in error;
}

/** For the operator. A failed query's own message repeats what was bound to it; its cause says what failed. */
function told(error: Error): string {
  if (!isFailedQuery(error)) return `${error.name}: ${error.message}`;
  return `failed query: ${error.cause instanceof Error ? error.cause.message : 'no cause is known'}`;
}

/** The database or a key store did not do it, as far as anybody knows: unknown, never no, and worth asking again. */
function isStorageFailure(error: Error): boolean {
  return isFailedQuery(error) || error.name === 'SignerUnavailable' || error.message.startsWith('D1_');
}

/** On every answer but an upgrade, whose headers are the actor's. */
function headers(c: AppContext): void {
  if (c.res.status === 101) return;
  c.header('X-Request-Id', c.var.request);
  c.header('X-Content-Type-Options', 'nosniff');
  c.header('Referrer-Policy', 'no-referrer');
}
