import type { Freshness } from '../actors/account/command.ts';
import { OVERDUE_MS } from '../actors/account/fresh.ts';
import { base64url } from '../bytes/base64url.ts';
import { fromHex } from '../bytes/hex.ts';
import { issuerName } from '../ca/authority.ts';
import { issue, prepare, type Prepared } from '../ca/issue.ts';
import { PROFILES } from '../ca/profile.ts';
import { accountOf, ask, type Asked } from './ask.ts';
import type { AppContext } from './context.ts';
import type { Judged } from './enrollment.ts';

/** What a certificate can be made of: an enrollment that was judged, or a renewal of one. */
export interface Certifiable extends Pick<
  Judged,
  'profile' | 'account' | 'device' | 'challenge' | 'proven' | 'verdict'
> {
  readonly evidence: Pick<Judged['evidence'], 'hash'>;
  /** Of a renewal: what was shown of the hardware. */
  readonly fresh?: Freshness;
}

export interface Certified {
  /** DER, base64url: leaf, issuing CA. */
  readonly chain: readonly string[];
  readonly notAfter: number;
  /** Until then the identity key alone renews it, ms. */
  readonly freshBy: number;
  /** It is for the one day that is granted past that. */
  readonly overdue: boolean;
}

interface Intent {
  readonly serial: string;
  readonly chain: readonly string[] | null;
  readonly notAfter: number | null;
  readonly freshBy: number | null;
  readonly overdue: boolean;
}

/**
 * Intent, signature, record, in this order. The intent is durable before anything is signed, and what was signed is given
 * out only after it was recorded: a crash leaves an intent that everybody can see, never an unrecorded certificate. One
 * challenge is one serial, and a retry gets what was recorded.
 */
export async function certify(c: AppContext, judged: Certifiable): Promise<Asked<Certified>> {
  const { services } = c.var;
  const { account, device, challenge, fresh } = judged;
  const key = base64url(judged.proven.key);
  const first = linted(c, judged, services.random(16), false);
  if (!first.ok) return notIssuable(c, first.reason);
  const intended = await ask<Intent>(c, accountOf(account), {
    do: 'intend',
    device,
    key,
    serial: first.token.serial,
    request: challenge,
    voucher: voucherIn(judged.verdict),
    ...(fresh && { fresh }),
  });
  if (!intended.ok || !intended.value.ok) return intended as Asked<Certified>;
  const { serial, chain, notAfter, overdue } = intended.value;
  const told = { freshBy: intended.value.freshBy ?? services.now(), overdue };
  if (chain !== null && notAfter !== null) return { ok: true, value: { ok: true, chain, notAfter, ...told } };
  const same = serial === first.token.serial && !overdue;
  const ready = same ? first : linted(c, judged, fromHex(serial) ?? new Uint8Array(), overdue);
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
  return { ok: true, value: { ok: true, ...signed, ...told } };
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
  { profile, account, device, proven, verdict, evidence }: Certifiable,
  random: Uint8Array,
  overdue: boolean,
): Prepared {
  const { keys, now } = c.var.services;
  const assurance = overdue ? { ...verdict.assurance, freshness: 'cached' as const } : verdict.assurance;
  return prepare(
    PROFILES[profile],
    {
      proven,
      account: profile === 'device' ? null : account,
      device,
      evidence: evidence.hash,
      ...(overdue && { validity: OVERDUE_MS }),
    },
    { ...verdict, assurance },
    keys.issuer,
    now(),
    random,
  );
}
