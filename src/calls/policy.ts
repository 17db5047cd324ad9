/**
 * What the callee's account says to an invitation, before anything rings. Facts that the directory decides (callable set,
 * capabilities) come in; a blocked caller meets every check that others meet, in the same order, and then hears a ring.
 */
import type { MissingDevice } from '../protocol/call.ts';
import { takeToken } from './bucket.ts';
import type { Bucket, BucketSize } from './bucket.ts';
import type { Silence } from './call.ts';
import type { PolicyAnswer } from './command.ts';

/** 10 invitations a minute per caller device, 5 at once. */
export const INVITE_BUCKET: BucketSize = { burst: 5, perMs: 6_000 };
/** Unanswered calls of one stranger in STRANGER_WINDOW_MS; the next ones are silent. */
export const STRANGER_UNANSWERED_MAX = 3;
export const STRANGER_WINDOW_MS = 24 * 3_600_000;
/** A silenced call alerts after a time like that of a real device. */
export const FEIGN_MIN_MS = 250;
export const FEIGN_SPREAD_MS = 900;

/** The account's own settings. */
export type CallPolicy = {
  blocked: readonly string[];
  /** Do not disturb until then (ms since 1970); null: off. */
  quietUntil: number | null;
  contactsOnly: boolean;
  /** Accounts that the user knows: never strangers, let in by `contactsOnly`. */
  contacts: readonly string[];
};

export type PolicyFacts = {
  caller: string;
  /** Devices named by the invitation, and the number of the callable set it was made for. */
  devices: readonly string[];
  set: number;
  callable: { set: number; devices: readonly MissingDevice[] };
  /** Devices whose capability does not verify for this caller, or expired, or is of an older epoch. */
  staleCapabilities: readonly string[];
  /** Of the caller's device; null when it has none yet. */
  bucket: Bucket | null;
  /** Calls of this caller in the last STRANGER_WINDOW_MS that nobody answered; 0 for who was ever answered or called; of a stranger only. */
  unanswered: number;
  /** 0 ≤ x < 1. */
  random: number;
};

export function judgeInvite(
  policy: CallPolicy,
  facts: PolicyFacts,
  now: number,
): { answer: PolicyAnswer; bucket: Bucket } {
  const taken = takeToken(facts.bucket, INVITE_BUCKET, now);
  const { bucket } = taken;
  if (!taken.ok) return { answer: { verdict: 'rate-limited', retryAfterMs: taken.retryAfterMs }, bucket };
  return { answer: stale(facts) ?? silence(policy, facts, now) ?? { verdict: 'ring', lock: null }, bucket };
}

/** A capability comes first: who has none that holds learns nothing about the devices. */
function stale(facts: PolicyFacts): PolicyAnswer | null {
  const { devices, set, callable, staleCapabilities } = facts;
  if (callable.devices.length === 0) return { verdict: 'callee-unknown' };
  const known = new Set(callable.devices.map(({ device }) => device));
  const condemned = devices.filter((device) => known.has(device) && staleCapabilities.includes(device));
  const proven = devices.some((device) => known.has(device) && !staleCapabilities.includes(device));
  if (!proven) return { verdict: 'stale-capability', devices: [...devices] };
  if (condemned.length > 0) return { verdict: 'stale-capability', devices: condemned };
  const missing = callable.devices.filter(({ device }) => !devices.includes(device));
  const extra = devices.filter((device) => !known.has(device));
  if (missing.length === 0 && extra.length === 0 && set === callable.set) return null;
  return { verdict: 'stale-devices', set: callable.set, missing: [...missing], extra };
}

function silence(policy: CallPolicy, facts: PolicyFacts, now: number): PolicyAnswer | null {
  const cause = causeOf(policy, facts, now);
  if (cause === null) return null;
  const log = cause === 'do-not-disturb' || cause === 'contacts-only';
  return { verdict: 'silence', cause, log, ringAfterMs: FEIGN_MIN_MS + Math.floor(facts.random * FEIGN_SPREAD_MS) };
}

/** Somebody whom the account does not know. */
export function isStranger(policy: CallPolicy, caller: string): boolean {
  return !policy.contacts.includes(caller);
}

function causeOf(policy: CallPolicy, facts: PolicyFacts, now: number): Silence | null {
  const { caller, unanswered } = facts;
  if (policy.blocked.includes(caller)) return 'blocked';
  const stranger = isStranger(policy, caller);
  if (stranger && unanswered >= STRANGER_UNANSWERED_MAX) return 'stranger-limit';
  if (policy.contactsOnly && stranger) return 'contacts-only';
  if (policy.quietUntil !== null && now < policy.quietUntil) return 'do-not-disturb';
  return null;
}
