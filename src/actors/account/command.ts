import type { WarningOutcome } from './warnings.ts';
import type { AccountMail } from '../../calls/effect.ts';
import type { BucketSize } from '../../calls/bucket.ts';
import type { CallPolicy } from '../../calls/policy.ts';
import type { KnownHead } from '../../protocol/api.ts';
import type { Party } from '../../protocol/call.ts';
import type { LinkStep } from '../../directory/link/session.ts';
import type { SignedManifest } from '../../protocol/manifest.ts';
import type { EventCommand } from '../events.ts';
import type { Draw } from './buckets.ts';
import type { KeptAnswer, Operation } from './operation.ts';
import type { SeekLimits } from './seeking.ts';

/** How fresh the proof of a device's hardware is; the account alone judges when the next one is due. */
export interface Freshness {
  /** When the evidence was judged, ms: the fresh proof of before any that this account remembers. */
  readonly since: number;
  /**
   * `assertion`: the stored credential signed, with this counter; `evidence`: new evidence, whose credential begins at this
   * counter; `none`: the identity key alone; `overdue`: the same, asking for the one day that is granted past the deadline.
   */
  readonly shown: 'assertion' | 'evidence' | 'none' | 'overdue';
  readonly counter: number;
}

export interface LinkSide {
  readonly device?: string;
  readonly secret?: string;
}

/** What reaches an account's actor. Routes have authenticated; signatures of manifests arrive as names of checks that held. */
export type AccountCommand =
  /** The next manifest (the first makes the account). Answered `verify` with the checks when some are not in `verified`. */
  | {
      readonly do: 'manifest';
      readonly manifest: SignedManifest;
      readonly verified: readonly string[];
      readonly request: string | null;
    }
  /** Profile `device`: the evidence was accepted; the device becomes known by its own name. */
  | { readonly do: 'enlist'; readonly device: string; readonly key: string }
  /** Whether (device, key) is in the manifest and in force; asked by every request, token and hello. */
  | {
      readonly do: 'authorize';
      readonly device: string;
      /** SubjectPublicKeyInfo, base64url; or its thumbprint (RFC 7638), when only that was shown. */
      readonly key?: string;
      readonly thumbprint?: string;
      /** A proof of possession that may be used once: its id, and until when it could be replayed (ms). */
      readonly proof?: { readonly id: string; readonly until: number } | null;
      /** Buckets that this request draws from. */
      readonly draws?: readonly Draw[];
      /** What its Idempotency-Key names, when it has one. */
      readonly operation?: Operation | null;
    }
  /** The answer of an operation that `authorize` began; null when there is none after all. */
  | { readonly do: 'answered'; readonly device: string; readonly operation: string; readonly answer: KeptAnswer | null }
  /** Before signing: a serial for this request, the same one again when it is repeated. */
  | {
      readonly do: 'intend';
      readonly device: string;
      readonly key: string;
      readonly serial: string;
      readonly request: string;
      /** `linked`: the device that vouched; nobody for a device with evidence of its own. */
      readonly voucher?: string | null;
      /** Of a renewal: what was shown of the hardware; absent at an enrollment, whose evidence is fresh. */
      readonly fresh?: Freshness;
    }
  /** Whether this device may vouch for a browser, and its certificate, which says what its key is worth. */
  | { readonly do: 'voucher'; readonly device: string }
  /** After signing: what was signed. */
  | {
      readonly do: 'issued';
      readonly serial: string;
      readonly chain: readonly string[];
      readonly notAfter: number;
      readonly evidence: string;
      /** Key identifier of the issuing CA, lowercase hexadecimal; code of before it was told leaves it out. */
      readonly issuer?: string;
    }
  /** Signed versions after this one, for whoever has to verify a key of this account. */
  | { readonly do: 'manifests'; readonly after: number }
  /** A device has a bundle up, which may be used until then (ms). */
  | { readonly do: 'published'; readonly device: string; readonly until: number }
  /** The verified head, for whoever judges what a device of this account signed. */
  | { readonly do: 'head' }
  | {
      readonly do: 'handle';
      readonly handle: string;
      readonly salt: string;
      readonly commitment: string;
      readonly method: string;
      readonly verifiedAt: number;
    }
  | { readonly do: 'handles' }
  /** Before a code is sent in its name. `test`: the handle is one of the deployment's test handles. */
  | { readonly do: 'prove'; readonly test: boolean; readonly limit: BucketSize }
  | { readonly do: 'hide-handle'; readonly handle: string; readonly hidden: boolean }
  | { readonly do: 'drop-handle'; readonly handle: string }
  /** Another account proved a handle of this one; `claim` names that proof. */
  | {
      readonly do: 'handle-contested';
      readonly handle: string;
      readonly claim: string;
      readonly quarantineMs: number;
    }
  | { readonly do: 'handle-lost'; readonly handle: string; readonly claim: string }
  /** Asks for leave to look handles up: keyed hashes, and where each leads, as the directory says. */
  | {
      readonly do: 'seek';
      readonly handles: readonly { readonly handle: string; readonly account: string | null }[];
      readonly limits: SeekLimits;
    }
  /** What a lookup returns to this caller, but for the bundles, which the devices hold. */
  | {
      readonly do: 'lookup';
      readonly caller: Party;
      /** Canonical handle it was found by. */
      readonly handle: string;
      readonly known: KnownHead | null;
    }
  /** One more of what the account may have so often, by name; a full bucket when it has none yet. */
  | { readonly do: 'take'; readonly what: string; readonly limit: BucketSize }
  | { readonly do: 'policy' }
  | { readonly do: 'set-policy'; readonly policy: CallPolicy }
  | { readonly do: 'history'; readonly before: number | null; readonly limit: number }
  | { readonly do: 'delete-history'; readonly calls: readonly string[] }
  | {
      readonly do: 'revoke';
      readonly device: string;
      readonly reason: string;
      /** owner, operator, condemned or superseded: what the revocation list says of it. */
      readonly by: string;
      readonly request?: string;
    }
  /** A link's sponsor is named by its device, its newcomer by the invitation's secret. */
  | ({ readonly do: 'link'; readonly link: string; readonly as: LinkSide } & (
      | { readonly step: 'start'; readonly secretHash: string }
      | { readonly step: 'arrive' | 'look' | 'refuse' }
      | Extract<LinkStep, { step: 'commit' | 'open' | 'reveal' | 'sign' }>
    ))
  /** `start`: another account proved these handles (canonical). `by-key`: SHA-256 of the recovery key that signed. */
  | ({ readonly do: 'recovery' } & (
      | { readonly step: 'start'; readonly by: string; readonly handles: readonly string[] }
      | { readonly step: 'list' }
      | { readonly step: 'veto'; readonly recovery: string; readonly veto: string }
      | { readonly step: 'warn'; readonly recovery: string }
      | { readonly step: 'warned'; readonly recovery: string; readonly id: string; readonly outcome: WarningOutcome }
      | { readonly step: 'by-key'; readonly keyHash: string }
      | {
          readonly step: 'recovered-from';
          readonly account: string;
          readonly recovery: string;
          readonly startedAt: number;
          readonly at: number;
        }
    ))
  /** The owner's wish, by a device of the account. */
  | { readonly do: 'close'; readonly device: string; readonly request: string | null }
  /** Of the job that erases: what is left to erase, and the last step. */
  | { readonly do: 'closed' }
  | { readonly do: 'erase' }
  | { readonly do: 'export' }
  | { readonly do: 'call'; readonly mail: AccountMail }
  | EventCommand
  | { readonly do: 'unclear' };
