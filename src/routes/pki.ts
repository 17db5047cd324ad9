import type { CertificateRow } from '../db/repositories.ts';
import { KEEP_AFTER_END, MAX_LIST_LIFE, type RevocationReason, signRevocationList } from '../ca/revocation.ts';
import type { Issuer } from '../ca/authority.ts';
import { base64url } from '../bytes/base64url.ts';
import { type AppContext, factory } from '../http/context.ts';

const HOUR_S = 3_600;
/** One list is made per issuer and this long, however often it is asked for. */
const LIST_MS = 1_000;

interface MadeList {
  readonly at: number;
  readonly der: Promise<Uint8Array<ArrayBuffer>>;
}
const lists = new WeakMap<Issuer, MadeList>();

/** What relying parties without our SDK fetch: the chain, the issuing certificate that certificates point to, the list. */
export const pki = factory
  .createApp()
  .get('/v1/pki/ca', (c) => {
    const { keys } = c.var.services;
    return answer(c, 'application/pem-certificate-chain', [keys.issuer.certificate.der, keys.root].map(pem).join(''));
  })
  .get('/v1/pki/issuing.cer', (c) => {
    return answer(c, 'application/pkix-cert', c.var.services.keys.issuer.certificate.der.slice());
  })
  .get('/v1/pki/crl', async (c) => answer(c, 'application/pkix-crl', await currentList(c), 60));

/** The list of now; its number is the time at which it was made, so it only grows. */
function currentList(c: AppContext): Promise<Uint8Array<ArrayBuffer>> {
  const { keys, now } = c.var.services;
  const at = now();
  const made = lists.get(keys.issuer);
  if (made && at >= made.at && at - made.at < LIST_MS) return made.der;
  const der = makeList(c, at);
  lists.set(keys.issuer, { at, der });
  der.catch(() => lists.delete(keys.issuer));
  return der;
}

async function makeList(c: AppContext, at: number): Promise<Uint8Array<ArrayBuffer>> {
  const { keys, db } = c.var.services;
  const rows = await db.certificates.revoked(at - KEEP_AFTER_END);
  const revoked = rows.map((row) => {
    return { serial: row.serial, at: row.statusAt, reason: reasonOf(row), until: row.notAfter ?? at };
  });
  return signRevocationList(keys.issuer, revoked, at, at, MAX_LIST_LIFE);
}

/** An index row's reason begins with who revoked. */
function reasonOf({ status, reason }: CertificateRow): RevocationReason {
  if (status === 'removed') return 'owner';
  const [by] = (reason ?? '').split(':');
  return by === 'owner' || by === 'condemned' || by === 'superseded' ? by : 'operator';
}

function answer(c: AppContext, type: string, body: string | Uint8Array<ArrayBuffer>, seconds = HOUR_S): Response {
  return c.body(body, 200, { 'Content-Type': type, 'Cache-Control': `public, max-age=${seconds}` });
}

/** RFC 7468 §5. */
function pem(der: Uint8Array): string {
  const text = base64url(der).replaceAll('-', '+').replaceAll('_', '/');
  const padded = text.padEnd(Math.ceil(text.length / 4) * 4, '=');
  const lines = padded.match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
