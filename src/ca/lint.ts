/** Lints of what is about to be signed. Each reads the finished encoding, not the intention; one finding refuses the issuance. */
import { type Certificate, EXTENSION, readCertificate } from '../attestation/path/certificate.ts';
import { equal } from '../bytes/join.ts';
import { fromUtf8 } from '../bytes/utf8.ts';
import { type IdentityCertificate, readIdentity } from '../identity/certificate.ts';
import { link } from '../identity/path.ts';
import { readDer, sequence } from '../bytes/der.ts';
import type { Issuer } from './authority.ts';
import type { Profile } from './profile.ts';
import { keyIdentifier } from './names.ts';

export interface LintFinding {
  readonly lint: string;
  readonly source: string;
}

/** What the certificate is meant to say, for the lints that compare. */
export interface Intended {
  readonly proven: { readonly key: Uint8Array };
  readonly account: string | null;
  readonly device: string;
}

interface Subject {
  readonly certificate: Certificate;
  readonly identity: IdentityCertificate | null;
  readonly profile: Profile;
  readonly issuer: Issuer;
  readonly intended: Intended;
  readonly now: number;
}

interface Lint {
  readonly id: string;
  readonly source: string;
  holds(subject: Subject): boolean;
}

const AUTHORITY_INFO_ACCESS = '1.3.6.1.5.5.7.1.1';

export const LINTS: readonly Lint[] = [
  {
    id: 'identity-form',
    source: 'docs/protocol/identity.md §1: clients read it',
    holds: ({ identity, profile }) => identity?.profile === profile.name,
  },
  {
    id: 'serial',
    source: 'RFC 5280 §4.1.2.2: 16 bytes, positive',
    holds: ({ certificate }) => certificate.serial.length === 32,
  },
  {
    id: 'issuer-link',
    source: 'RFC 5280 §6.1.3: issuer name, key identifier, authority',
    holds: ({ certificate, issuer, now }) => link(certificate, issuer.certificate, 0, now) === null,
  },
  {
    id: 'validity-length',
    source: 'profile',
    holds: ({ certificate, profile }) => {
      const length = certificate.notAfter - certificate.notBefore;
      return length >= profile.validity.least && length <= profile.validity.most + profile.backdate + 1000;
    },
  },
  {
    id: 'validity-now',
    source: 'profile: back-dated, and valid now',
    holds: ({ certificate, now }) => certificate.notBefore < now && certificate.notAfter > now,
  },
  {
    id: 'validity-nesting',
    source: 'no longer than its issuer',
    holds: ({ certificate, issuer }) =>
      certificate.notBefore >= issuer.certificate.notBefore && certificate.notAfter <= issuer.certificate.notAfter,
  },
  {
    id: 'key',
    source: 'the proven key and no other',
    holds: ({ certificate, intended }) => equal(certificate.spki, intended.proven.key),
  },
  {
    id: 'key-identifier',
    source: 'RFC 5280 §4.2.1.2, RFC 7093 §2',
    holds: ({ certificate: { spki, subjectKeyId } }) =>
      subjectKeyId !== null && equal(subjectKeyId, keyIdentifier(spki)),
  },
  {
    id: 'names',
    source: 'docs/protocol/identity.md §1: the account and device asked for, nothing else',
    holds: ({ identity, intended }) => identity?.account === intended.account && identity?.device === intended.device,
  },
  {
    id: 'extended-key-usage',
    source: 'profile',
    holds: ({ certificate, profile }) => certificate.extendedKeyUsage?.join() === profile.extendedKeyUsage.join(),
  },
  {
    id: 'crl-distribution-point',
    source: 'RFC 5280 §4.2.1.13: this deployment',
    holds: ({ certificate, issuer }) => firstUri(certificate, EXTENSION.crlDistributionPoints) === issuer.urls.crl,
  },
  {
    id: 'authority-info-access',
    source: 'RFC 5280 §4.2.2.1: this deployment',
    holds: ({ certificate, issuer }) => firstUri(certificate, AUTHORITY_INFO_ACCESS) === issuer.urls.issuers,
  },
];

/** The lints that an encoding fails; an unreadable one fails a lint of its own. */
export function lint(
  der: Uint8Array,
  profile: Profile,
  issuer: Issuer,
  intended: Intended,
  now: number,
): LintFinding[] {
  const certificate = readCertificate(der);
  if (!certificate) return [{ lint: 'readable', source: 'RFC 5280 §4.1' }];
  const subject = { certificate, identity: readIdentity(der), profile, issuer, intended, now };
  return LINTS.filter((one) => !one.holds(subject)).map(({ id, source }) => ({ lint: id, source }));
}

/** The first [6] uniformResourceIdentifier found, depth first, in an extension. */
function firstUri({ extensions }: Certificate, id: string): string | null {
  const value = extensions.get(id)?.value;
  const pending = value ? [...(sequence(readDer(value)) ?? [])] : [];
  for (let next = pending.shift(); next; next = pending.shift()) {
    if (next.class === 'context' && next.tag === 6 && !next.constructed) return fromUtf8(next.content);
    pending.unshift(...next.children);
  }
  return null;
}
