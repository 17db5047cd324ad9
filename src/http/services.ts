import type { Warning, WarningOutcome } from '../actors/account/warnings.ts';
import type { Policy } from '../attestation/policy/policy.ts';
import type { TrustStore } from '../attestation/trust/store.ts';
import type { DevelopmentRoot } from '../attestation/development/attester.ts';
import type { SeekLimits } from '../actors/account/seeking.ts';
import type { Actors } from '../actors/port.ts';
import type { Issuer } from '../ca/authority.ts';
import type { Signer } from '../ca/signer.ts';
import type { Repositories } from '../db/repositories.ts';
import type { HandleRules } from '../directory/handle/canonical.ts';
import type { HandleMethod, KeySet } from '../protocol/handle.ts';
import type { PushPort } from '../push/port.ts';
import type { TurnPort } from '../turn/open.ts';
import type { OperatorRules } from './auth/operator.ts';
import type { SeenTokens } from './auth/seen-tokens.ts';
import type { Gate } from './gate.ts';
import type { Limits } from './limits.ts';
import type { OidcIssuer } from './oidc.ts';

/** Who this deployment is; fixed at its first start. */
export interface Deployment {
  readonly id: string;
  readonly environment: 'development' | 'production';
  /** Public URL without a trailing slash: issuer, `aud`, `htu`, first field of every transcript. */
  readonly origin: string;
  /** WebAuthn relying party. */
  readonly rpId: string;
  readonly origins: readonly string[];
  /** Browser origins that may read answers (CORS) and open sockets. */
  readonly allowedOrigins: readonly string[];
}

/** A secret with a name, so that two may be current while one goes. 32 bytes. */
export interface MacKey {
  readonly kid: string;
  readonly secret: Uint8Array;
}

/** One key per use. */
export interface Keys {
  /** Signs what is issued. */
  readonly issuer: Issuer;
  /** Those that sign lists: the one above, and the ones before it whose certificates may still be accepted. */
  readonly issuers: readonly [Issuer, ...Issuer[]];
  /** The pinned root, DER. */
  readonly root: Uint8Array;
  /** The newest of each use, which signs. */
  readonly directory: Signer;
  readonly access: Signer;
  /** What verifies: the newest first, and those before it while something they signed is in force. */
  readonly published: { readonly directory: KeySet; readonly access: KeySet };
  /** Nonces, challenges and activations: newest first. */
  readonly nonces: readonly [MacKey, ...MacKey[]];
  /** Keyed hash of handles; never rotated without re-indexing. */
  readonly handles: MacKey;
  /** Seals stored evidence (AES-256-GCM). */
  readonly evidence: MacKey;
  /** Keyed hash of what identifies hardware; never rotated, because rows are named by it. */
  readonly hardware: MacKey;
}

/** One code on its way. Never logged. */
export interface CodeMessage {
  readonly kind: 'phone' | 'email';
  /** Canonical. */
  readonly handle: string;
  readonly code: string;
  /** Names this sending: a repeat of it is the same message. */
  readonly id: string;
}

/** Sends codes to handles. In development they go to an inbox that tests and people can read. */
export interface CodeSender {
  /** How a handle counts as proved that got its code this way. */
  method(kind: CodeMessage['kind']): HandleMethod;
  /** False when it was not handed over: nothing will come. */
  send(message: CodeMessage): Promise<boolean>;
  /** Warns a handle's owner that somebody wants to take the handle over. */
  warn(warning: Warning): Promise<WarningOutcome>;
}

/** What the operator decides about the directory. */
export interface DirectoryRules {
  readonly handles: HandleRules;
  readonly seek: SeekLimits;
  /** How long a handle stays with who gave it up, or with an active holder against another one's proof. */
  readonly quarantineMs: number;
  /** Codes in 24 h: in one account's name, to one handle, and of the whole deployment. */
  readonly codes: { readonly perAccount: number; readonly perHandle: number; readonly perDay: number };
  /** Canonical handle -> fixed code, for those who review an app; they find each other and nobody else. */
  readonly tests: ReadonlyMap<string, string>;
  /** By short name. */
  readonly issuers: ReadonlyMap<string, OidcIssuer>;
}

/** What a request may use; built once by the host's composition root. */
export interface Services {
  readonly deployment: Deployment;
  readonly keys: Keys;
  readonly operator: OperatorRules;
  readonly actors: Actors;
  readonly db: Repositories;
  /** Anchors, and the lists in force at this moment or up to a minute ago. */
  readonly trust: { current(): Promise<TrustStore>; reload(): Promise<TrustStore>; readonly base: TrustStore };
  readonly policy: Policy;
  readonly directory: DirectoryRules;
  readonly limits: Limits;
  /** Limits that are kept in memory. */
  readonly gate: Gate;
  /** Access tokens that need no second verification. */
  readonly seenTokens: SeenTokens;
  /** Where a request came from, as the host knows it; null when it does not. `env` is what the host gave with it. */
  readonly clientAddress: (request: Request, env: unknown) => string | null;
  readonly codes: CodeSender;
  readonly push: PushPort;
  readonly turn: TurnPort;
  /** Development only: what was sent, by handle. */
  readonly inbox: ((handle: string) => string | null) | null;
  /** Development only: the root under which development evidence is accepted. */
  readonly developmentRoot: DevelopmentRoot | null;
  readonly now: () => number;
  readonly random: (bytes: number) => Uint8Array<ArrayBuffer>;
  /** One structured line for the operator; never a token, key or body. */
  readonly log: (line: { readonly event: string; readonly [name: string]: unknown }) => void;
  /** Names of bindings that do not answer; none when ready. */
  readonly ready: () => Promise<readonly string[]>;
}
