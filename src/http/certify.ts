import { base64url } from '../bytes/base64url.ts';
import { fromHex } from '../bytes/hex.ts';
import { issuerName } from '../ca/authority.ts';
import { issue, prepare, type Prepared } from '../ca/issue.ts';
import { PROFILES } from '../ca/profile.ts';
import { accountOf, ask, type Asked } from './ask.ts';
import type { AppContext } from './context.ts';
import type { Judged } from './enrollment.ts';

/** What a certificate can be made of: an enrollment that was judged, or a renewal of one. */
export interface Certifiable extends Pick<Judged, 'account' | 'device' | 'challenge' | 'proven' | 'verdict'> {
  readonly evidence: Pick<Judged['evidence'], 'hash'>;
}

export interface Certified {
  /** DER, base64url: leaf, issuing CA. */
  readonly chain: readonly string[];
  readonly notAfter: number;
}

interface Intent {
  readonly serial: string;
  readonly chain: readonly string[] | null;
  readonly notAfter: number | null;
}

/**
 * Intent, signature, record, in this order. The intent is durable before anything is signed, and what was signed is given
 * out only after it was recorded: a crash leaves an intent that everybody can see, never an unrecorded certificate. One
 * challenge is one serial, and a retry gets what was recorded.
 */
export async function certify(c: AppContext, judged: Certifiable): Promise<Asked<Certified>> {
  const { services } = c.var;
  const { account, device, challenge } = judged;
  const key = base64url(judged.proven.key);
  const first = linted(c, judged, services.random(16));
  if (!first.ok) return notIssuable(c, first.reason);
  const intended = await ask<Intent>(c, accountOf(account), {
    do: 'intend',
    device,
    key,
    serial: first.token.serial,
    request: challenge,
    voucher: voucherIn(judged.verdict),
  });
  if (!intended.ok || !intended.value.ok) return intended as Asked<Certified>;
  const { serial, chain, notAfter } = intended.value;
  if (chain !== null && notAfter !== null) return { ok: true, value: { ok: true, chain, notAfter } };
  const ready = serial === first.token.serial ? first : linted(c, judged, fromHex(serial) ?? new Uint8Array());
  if (!ready.ok) return notIssuable(c, ready.reason);
  if (ready.token.serial !== serial) return notIssuable(c, 'serial');
  const leaf = await issue(ready.token, services.keys.issuer.signer);
  const signed = {
    chain: [leaf, services.keys.issuer.certificate.der].map((der) => base64url(der)),
    notAfter: ready.token.notAfter,
  };
  const recorded = await ask(c, accountOf(account), {
    do: 'issued',
    serial,
    ...signed,
    evidence: base64url(judged.evidence.hash),
    issuer: issuerName(services.keys.issuer),
  });
  if (!recorded.ok || !recorded.value.ok) return recorded as Asked<Certified>;
  return { ok: true, value: { ok: true, ...signed } };
}

/** Whose word a linked device stands on, at its enrollment and at every renewal. */
function voucherIn({ format, facts }: Certifiable['verdict']): string | null {
  const voucher = format === 'linked' ? facts['voucher'] : null;
  return typeof voucher === 'string' ? voucher : null;
}

/** The client is told that there is no certificate for it; why is the operator's to know. */
function notIssuable(c: AppContext, why: string): Asked<Certified> {
  c.var.services.log({ event: 'certificate.not-issuable', request: c.var.request, reason: why });
  return { ok: true, value: { ok: false, reason: 'not-issuable' } };
}

function linted(
  c: AppContext,
  { account, device, proven, verdict, evidence }: Certifiable,
  random: Uint8Array,
): Prepared {
  const { keys, now } = c.var.services;
  return prepare(
    PROFILES.call,
    { proven, account, device, evidence: evidence.hash },
    verdict,
    keys.issuer,
    now(),
    random,
  );
}
