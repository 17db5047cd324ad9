import { sha256 } from '@noble/hashes/sha2.js';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { equal } from '../../bytes/join.ts';
import type { VerdictSummary } from '../../protocol/api.ts';
import type { LinkEnd, LinkPhase } from '../../protocol/link.ts';
import type { SignedManifest } from '../../protocol/manifest.ts';
import type * as v from 'valibot';
import { accountBytes, deviceBytes } from '../account.ts';
import { linkCommitment } from './code.ts';

/** One link as the account keeps it. Members are filled in the order of the phases and never change afterwards. */
export interface LinkSession {
  readonly link: string;
  readonly secretHash: string;
  /** The device that started it. */
  readonly sponsor: string;
  readonly expiresAt: number;
  readonly phase: LinkPhase;
  readonly end: LinkEnd | null;
  readonly seat: { readonly device: string; readonly commitment: string } | null;
  readonly opening: { readonly nonce: string; readonly version: number; readonly hash: string } | null;
  readonly reveal: {
    readonly key: string;
    readonly nonce: string;
    readonly verdict: v.InferOutput<typeof VerdictSummary>;
  } | null;
  readonly manifest: SignedManifest | null;
}

export type LinkStep =
  | { readonly step: 'commit'; readonly device: string; readonly commitment: string }
  | ({ readonly step: 'open' } & NonNullable<LinkSession['opening']>)
  | ({ readonly step: 'reveal'; readonly device: string } & NonNullable<LinkSession['reveal']>)
  | { readonly step: 'sign'; readonly manifest: SignedManifest }
  | { readonly step: 'linked'; readonly device: string }
  | { readonly step: 'end'; readonly end: LinkEnd };

/**
 * `link-over`: it ended. `link-taken`: another newcomer has the seat, or this one said something else before. `link-phase`: not
 * yet, or not any more. `link-commitment`: what was revealed is not what was committed to.
 */
export type LinkReason = 'link-over' | 'link-taken' | 'link-phase' | 'link-commitment';

type Moved = { ok: true; session: LinkSession } | { ok: false; reason: LinkReason };
const refuse = (reason: LinkReason): Moved => ({ ok: false, reason });

export function newLink(link: string, secretHash: string, sponsor: string, expiresAt: number): LinkSession {
  const empty = { phase: 'open', end: null, seat: null, opening: null, reveal: null, manifest: null } as const;
  return { link, secretHash, sponsor, expiresAt, ...empty };
}

/** True for the 16 bytes that the invitation carried. */
export function admits({ secretHash }: LinkSession, secret: string): boolean {
  const [kept, shown] = [fromBase64url(secretHash), sha256(fromBase64url(secret) ?? new Uint8Array())];
  return kept !== null && equal(kept, shown);
}

/** Whether the link can still end in a device that joined. */
export function alive({ phase, expiresAt }: LinkSession, now: number): boolean {
  return phase !== 'ended' && (phase === 'linked' || expiresAt > now);
}

/** The session as it is at `now`: one that nobody finished in time has ended. */
export function settled(session: LinkSession, now: number): LinkSession {
  return alive(session, now) || session.phase === 'ended' ? session : { ...session, phase: 'ended', end: 'expired' };
}

/** One step. The same step again is the same answer; a different one in its place is refused. */
export function advance(account: string, before: LinkSession, step: LinkStep, now: number): Moved {
  const session = settled(before, now);
  if (session.phase === 'ended') return step.step === 'end' ? { ok: true, session } : refuse('link-over');
  switch (step.step) {
    case 'commit': {
      const seat = { device: step.device, commitment: step.commitment };
      return filled(session, 'seat', seat, 'open', 'committed');
    }
    case 'open': {
      const { nonce, version, hash } = step;
      return filled(session, 'opening', { nonce, version, hash }, 'committed', 'opened');
    }
    case 'reveal': {
      const { device, key, nonce, verdict } = step;
      if (session.seat?.device !== device) return refuse(session.seat ? 'link-taken' : 'link-phase');
      if (!opens(account, session, device, key, nonce)) return refuse('link-commitment');
      return filled(session, 'reveal', { key, nonce, verdict }, 'opened', 'revealed');
    }
    case 'sign':
      return filled(session, 'manifest', step.manifest, 'revealed', 'signed');
    case 'linked':
      return session.phase === 'signed' && session.seat?.device === step.device
        ? { ok: true, session: { ...session, phase: 'linked' } }
        : refuse('link-phase');
    case 'end':
      return session.phase === 'linked'
        ? refuse('link-phase')
        : { ok: true, session: { ...session, phase: 'ended', end: step.end } };
  }
}

function filled<Name extends 'seat' | 'opening' | 'reveal' | 'manifest'>(
  session: LinkSession,
  name: Name,
  value: NonNullable<LinkSession[Name]>,
  from: LinkPhase,
  to: LinkPhase,
): Moved {
  const kept = session[name];
  if (kept !== null)
    return JSON.stringify(kept) === JSON.stringify(value) ? { ok: true, session } : refuse('link-taken');
  return session.phase === from
    ? { ok: true, session: { ...session, [name]: value, phase: to } }
    : refuse('link-phase');
}

function opens(account: string, { link, seat }: LinkSession, device: string, key: string, nonce: string): boolean {
  const bytes = (text: string) => fromBase64url(text) ?? new Uint8Array();
  const place = { link: bytes(link), account: accountBytes(account) ?? new Uint8Array() };
  const newcomer = { device: deviceBytes(device) ?? new Uint8Array(), key: bytes(key), nonce: bytes(nonce) };
  return base64url(linkCommitment(place, newcomer)) === seat?.commitment;
}
