import { OID_CALL_SIGNING } from '../protocol/identity.ts';

/** What a kind of certificate may be; data that prepare() follows and the lints check. */
export interface Profile {
  readonly name: 'call' | 'device';
  /** `account`: the subject alternative name carries the account; else only the device. */
  readonly names: 'account' | 'device';
  readonly extendedKeyUsage: readonly string[];
  /** Milliseconds. */
  readonly validity: { readonly least: number; readonly usual: number; readonly most: number };
  /** notBefore is this much before now, for clocks that are behind. */
  readonly backdate: number;
}

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

export const PROFILES: Readonly<Record<Profile['name'], Profile>> = {
  /** Identity of a device of an account: it authenticates and signs calls. */
  call: {
    name: 'call',
    names: 'account',
    extendedKeyUsage: [CLIENT_AUTH, OID_CALL_SIGNING],
    validity: { least: HOUR, usual: 7 * DAY, most: 30 * DAY },
    backdate: 5 * 60_000,
  },
  /** An attested device without account: client authentication only. */
  device: {
    name: 'device',
    names: 'device',
    extendedKeyUsage: [CLIENT_AUTH],
    validity: { least: HOUR, usual: 7 * DAY, most: 30 * DAY },
    backdate: 5 * 60_000,
  },
};
