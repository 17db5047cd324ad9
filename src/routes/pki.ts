import { type Issuer, issuerName } from '../ca/authority.ts';
import { base64url } from '../bytes/base64url.ts';
import { type AppContext, factory } from '../http/context.ts';
import { problem } from '../http/problem.ts';
import { currentRevocationList } from '../jobs/revocation-list.ts';

const HOUR_S = 3_600;
/** The index is asked once per issuer and this long, however often the list is asked for. */
const LIST_MS = 1_000;

interface MadeList {
  readonly at: number;
  readonly der: Promise<Uint8Array<ArrayBuffer>>;
}
const lists = new WeakMap<Issuer, MadeList>();

/**
 * What relying parties without our SDK fetch: the chain; of each issuing CA, the certificate and the list that its certificates
 * point to; without a name, those of the CA that issues today.
 */
export const pki = factory
  .createApp()
  .get('/v1/pki/ca', (c) => {
    const { keys } = c.var.services;
    const issuing = keys.issuers.map(({ certificate }) => certificate.der);
    return answer(c, 'application/pem-certificate-chain', [...issuing, keys.root].map(pem).join(''));
  })
  .get('/v1/pki/issuing.cer', (c) => {
    return answer(c, 'application/pkix-cert', c.var.services.keys.issuer.certificate.der.slice());
  })
  .get('/v1/pki/issuing/:issuer', (c) => {
    const issuer = issuerOf(c);
    if (!issuer) return problem(c, 'not-found', 'no-such-issuer');
    return answer(c, 'application/pkix-cert', issuer.certificate.der.slice());
  })
  .get('/v1/pki/crl', async (c) => {
    return answer(c, 'application/pkix-crl', await currentList(c, c.var.services.keys.issuer), 60);
  })
  .get('/v1/pki/crl/:issuer', async (c) => {
    const issuer = issuerOf(c);
    if (!issuer) return problem(c, 'not-found', 'no-such-issuer');
    return answer(c, 'application/pkix-crl', await currentList(c, issuer), 60);
  });

/** One that issued what may still be accepted, by its key identifier. */
function issuerOf(c: AppContext): Issuer | undefined {
  const name = c.req.param('issuer');
  return c.var.services.keys.issuers.find((issuer) => issuerName(issuer) === name);
}

function currentList(c: AppContext, issuer: Issuer): Promise<Uint8Array<ArrayBuffer>> {
  const { db, now } = c.var.services;
  const at = now();
  const made = lists.get(issuer);
  if (made && at >= made.at && at - made.at < LIST_MS) return made.der;
  const der = currentRevocationList(issuer, db, at);
  lists.set(issuer, { at, der });
  der.catch(() => lists.delete(issuer));
  return der;
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
