import { cors } from 'hono/cors';
import { type AppContext, factory } from './context.ts';
import { problem } from './problem.ts';

const PREFLIGHT_KEPT_S = 600;
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);

const shared = cors({
  origin: (origin, c: AppContext) => (c.var.services.deployment.allowedOrigins.includes(origin) ? origin : null),
  allowMethods: ['GET', 'POST', 'PUT', 'DELETE'],
  allowHeaders: ['Authorization', 'Content-Type', 'DPoP', 'Idempotency-Key'],
  exposeHeaders: ['DPoP-Nonce', 'RateLimit', 'RateLimit-Policy', 'Retry-After', 'WWW-Authenticate', 'X-Request-Id'],
  maxAge: PREFLIGHT_KEPT_S,
});

function isOperators(c: AppContext): boolean {
  return c.req.path.startsWith('/v1/admin');
}

/**
 * Pages of allowed origins may read answers; without cookies, for there are none. Not the operator's resources. Sockets judge
 * their Origin themselves, and the answer of an upgrade must leave untouched: the Deno host ends otherwise.
 */
export const readableByPages = factory.createMiddleware((c, next) => {
  const kept = c.req.header('Upgrade') !== undefined || isOperators(c);
  return kept ? next() : shared(c, next);
});

/**
 * A page of another origin changes nothing. Device resources take no credential that a browser adds by itself, but the operator's do:
 * Cloudflare Access turns a cookie into its assertion, so no foreign page may ask there at all.
 */
export const changedByOwnPages = factory.createMiddleware(async (c, next) => {
  const origin = c.req.header('Origin');
  const { deployment } = c.var.services;
  const own = isOperators(c) ? [deployment.origin] : deployment.allowedOrigins;
  const harmless = SAFE.has(c.req.method) && !isOperators(c);
  return origin === undefined || harmless || own.includes(origin) ? next() : problem(c, 'forbidden', 'origin');
});
