import type { Issuer } from '../ca/authority.ts';
import { base64url } from '../bytes/base64url.ts';
import { type AppContext, factory } from '../http/context.ts';
import { currentRevocationList } from '../jobs/revocation-list.ts';

const HOUR_S = 3_600;
/** The index is asked once per issuer and this long, however often the list is asked for. */
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

function currentList(c: AppContext): Promise<Uint8Array<ArrayBuffer>> {
  const { keys, db, now } = c.var.services;
  const at = now();
  const made = lists.get(keys.issuer);
  if (made && at >= made.at && at - made.at < LIST_MS) return made.der;
  const der = currentRevocationList(keys.issuer, db, at);
  lists.set(keys.issuer, { at, der });
  der.catch(() => lists.delete(keys.issuer));
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
