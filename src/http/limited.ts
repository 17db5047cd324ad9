import { type AppContext, factory } from './context.ts';
import type { Spent } from './gate.ts';
import { type LimitName, sizeOf } from './limits.ts';
import { tooMany } from './rate-limit.ts';

/** Nobody's address: all who come without one share what one may ask for. */
const UNKNOWN = 'unknown';

/** A resource that asks for no proof: so much per client address. */
export function limited(name: LimitName) {
  return factory.createMiddleware(async (c, next) => {
    const { gate, now, clientAddress } = c.var.services;
    const spent = gate.take(name, addressKey(clientAddress(c.req.raw, c.env)) ?? UNKNOWN, now());
    tellLimits(c, spent);
    return spent.ok ? next() : overLimit(c, spent);
  });
}

export function overLimit(c: AppContext, { limit, resetMs }: Spent): Response {
  const { quota, windowMs } = policyOf(c, limit);
  return tooMany(c, limit, { quota, windowMs, retryAfterMs: resetMs });
}

/** RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers-10 §3, §4): names are Strings, times seconds. */
export function tellLimits(c: AppContext, { limit, left, resetMs }: Spent): void {
  const { quota, windowMs } = policyOf(c, limit);
  c.header('RateLimit-Policy', `"${limit}";q=${quota};w=${Math.max(1, Math.ceil(windowMs / 1_000))}`);
  c.header('RateLimit', `"${limit}";r=${left};t=${Math.ceil(resetMs / 1_000)}`);
}

/** As the fields name a bucket: what is in a full one, and how long an empty one takes to fill. */
function policyOf(c: AppContext, limit: LimitName): { quota: number; windowMs: number } {
  const { burst, perMs } = sizeOf(c.var.services.limits[limit]);
  return { quota: burst, windowMs: burst * perMs };
}

/**
 * What stands for one client: an IPv4 address, or the /64 of an IPv6 one, because whoever has one address of a /64 has all of
 * them. Null for what is no address.
 */
export function addressKey(address: string | null): string | null {
  const text = (address ?? '').toLowerCase().replace(/^::ffff:(?=\d+\.)/, '');
  if (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)) return text;
  if (!/^[0-9a-f:]{2,39}$/.test(text) || text.includes(':::')) return null;
  const [head = '', tail, ...rest] = text.split('::');
  if (rest.length > 0) return null;
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = 8 - before.length - after.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return null;
  const groups = [...before, ...Array<string>(missing).fill('0'), ...after];
  return groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))
    ? `${groups
        .slice(0, 4)
        .map((group) => group.replace(/^0+(?=.)/, ''))
        .join(':')}::/64`
    : null;
}
