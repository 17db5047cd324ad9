import { cors } from 'hono/cors';
import { type AppContext, factory } from './context.ts';

const PREFLIGHT_KEPT_S = 600;

const shared = cors({
  origin: (origin, c: AppContext) => (c.var.services.deployment.allowedOrigins.includes(origin) ? origin : null),
  allowMethods: ['GET', 'POST', 'PUT', 'DELETE'],
  allowHeaders: ['Authorization', 'Content-Type', 'DPoP', 'Idempotency-Key'],
  exposeHeaders: ['DPoP-Nonce', 'Retry-After', 'WWW-Authenticate', 'X-Request-Id'],
  maxAge: PREFLIGHT_KEPT_S,
});

/**
 * Pages of allowed origins may read answers; without cookies, for there are none. Not the operator's resources. Sockets judge
 * their Origin themselves, and the answer of an upgrade must leave untouched: the Deno host ends otherwise.
 */
export const readableByPages = factory.createMiddleware((c, next) => {
  const kept = c.req.header('Upgrade') !== undefined || c.req.path.startsWith('/v1/admin');
  return kept ? next() : shared(c, next);
});
