import { base64url } from '../../bytes/base64url.ts';
import { takeToken } from '../../calls/bucket.ts';
import {
  admits,
  advance,
  alive,
  type LinkSession,
  type LinkStep,
  newLink,
  settled,
} from '../../directory/link/session.ts';
import { LINK, type NewcomerView, type SponsorView } from '../../protocol/link.ts';
import type { SignedManifest } from '../../protocol/manifest.ts';
import { record } from '../events.ts';
import type { Json, Turn } from '../port.ts';
import { bucketOf, saveBucket } from './buckets.ts';
import type { AccountCommand } from './command.ts';
import { manifestsAfter } from './head.ts';
import { tellDevice } from './notice.ts';

export const LINK_DEADLINE = 'links';

type LinkCommand = AccountCommand & { do: 'link' };
const UNKNOWN = { ok: false, reason: 'unknown-link' } as const;

/** A link is moved by its sponsor, who proved its device, or by who shows the invitation's secret. */
export function onLink(t: Turn, command: LinkCommand): Json {
  if (command.step === 'start') return start(t, command.as.device ?? '', command.secretHash);
  const session = linkOf(t, command.link);
  const sponsor = command.as.device !== undefined;
  if (!session) return UNKNOWN;
  const theirs = sponsor ? session.sponsor === command.as.device : admits(session, command.as.secret ?? '');
  if (!theirs) return UNKNOWN;
  if (command.step === 'arrive') return arrive(session, t.now);
  if (command.step === 'look') return shown(t, settled(session, t.now), sponsor);
  const step = stepOf(command, sponsor);
  if (!step) return UNKNOWN;
  const moved = advance(t.self.name, session, step, t.now);
  if (!moved.ok) return moved;
  save(t, session, moved.session);
  return shown(t, moved.session, sponsor);
}

/** Only the side whose step it is may take it. */
function stepOf(command: LinkCommand, sponsor: boolean): LinkStep | null {
  switch (command.step) {
    case 'commit':
    case 'reveal':
      return sponsor ? null : command;
    case 'open':
    case 'sign':
      return sponsor ? command : null;
    case 'refuse':
      return { step: 'end', end: sponsor ? 'sponsor' : 'newcomer' };
    default:
      return null;
  }
}

/** One link at a time: a new one ends the one before. The same start again is the same link. */
function start(t: Turn, sponsor: string, secretHash: string): Json {
  const links = linksOf(t);
  const same = links.find((one) => one.secretHash === secretHash && one.sponsor === sponsor);
  if (same) return { ok: true, link: same.link, expiresAt: same.expiresAt };
  const taken = takeToken(bucketOf(t, 'links'), { burst: LINK.burst, perMs: LINK.refillMs }, t.now);
  saveBucket(t, 'links', taken.bucket);
  if (!taken.ok) return { ok: false, reason: 'too-many-links' };
  for (const one of links) end(t, one, 'superseded');
  const session = newLink(base64url(t.random(16)), secretHash, sponsor, t.now + LINK.lifeMs);
  save(t, null, session);
  t.wake(LINK_DEADLINE, nextOf(t));
  record(t, { type: 'link.started', severity: 'info', subject: sponsor });
  return { ok: true, link: session.link, expiresAt: session.expiresAt };
}

function end(t: Turn, session: LinkSession, why: NonNullable<LinkSession['end']>): void {
  const moved = advance(t.self.name, session, { step: 'end', end: why }, t.now);
  if (moved.ok) save(t, session, moved.session);
}

/** Before a newcomer spends anything on it: is there a seat? */
function arrive(session: LinkSession, now: number): Json {
  if (!alive(session, now)) return { ok: false, reason: 'link-over' };
  return session.phase === 'open' ? { ok: true, expiresAt: session.expiresAt } : { ok: false, reason: 'link-taken' };
}

/** The version that names the newcomer is in force: its link is done, in the same commit. */
export function linked(t: Turn, devices: readonly string[]): void {
  for (const session of linksOf(t))
    for (const device of devices) {
      const moved = advance(t.self.name, session, { step: 'linked', device }, t.now);
      if (moved.ok) save(t, session, moved.session);
    }
}

/** A device that leaves service links nobody any more. */
export function endLinksOf(t: Turn, sponsor: string): void {
  for (const session of linksOf(t)) if (session.sponsor === sponsor) end(t, session, 'sponsor-gone');
}

/** Links whose time is over end; those that are over long enough are forgotten. */
export function onLinksDue(t: Turn): void {
  for (const session of linksOf(t)) {
    const now = settled(session, t.now);
    if (now.phase !== session.phase) save(t, session, now);
  }
  t.run(`DELETE FROM account_link WHERE actor = ?1 AND expires_at <= ?2`, t.now - LINK.rememberedMs);
  t.wake(LINK_DEADLINE, nextOf(t));
}

/** When the next link ends or is forgotten; null when there is none. */
function nextOf(t: Turn): number | null {
  const times = linksOf(t).map(({ phase, expiresAt }) =>
    phase === 'ended' || phase === 'linked' ? expiresAt + LINK.rememberedMs : expiresAt,
  );
  return times.length === 0 ? null : Math.min(...times);
}

function linkOf(t: Turn, link: string): LinkSession | null {
  return linksOf(t).find((one) => one.link === link) ?? null;
}

function linksOf(t: Turn): LinkSession[] {
  const rows = t.all<{ session: string }>(
    `SELECT session FROM account_link WHERE actor = ?1 ORDER BY expires_at, link`,
  );
  return rows.map(({ session }) => JSON.parse(session) as LinkSession);
}

/** Writes the session; its sponsor hears of every new phase. */
function save(t: Turn, before: LinkSession | null, session: LinkSession): void {
  if (before?.phase === session.phase) return;
  t.run(
    `INSERT INTO account_link (actor, link, session, expires_at) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (actor, link) DO UPDATE SET session = excluded.session`,
    session.link,
    JSON.stringify(session),
    session.expiresAt,
  );
  const { link, phase, sponsor } = session;
  if (before) tellDevice(t, sponsor, { type: 'link', link, phase }, `link.${link}.${phase}`);
  if (phase === 'linked' || phase === 'ended')
    record(t, {
      type: `link.${phase}`,
      severity: 'info',
      subject: session.seat?.device ?? sponsor,
      reason: session.end,
    });
}

function shown(t: Turn, session: LinkSession, sponsor: boolean): Json {
  const view = sponsor ? sponsorView(session) : newcomerView(t, session);
  return { ok: true, device: session.seat?.device, view: view as unknown as Json };
}

function sponsorView({ link, phase, expiresAt, end: why, seat, reveal }: LinkSession): SponsorView {
  const newcomer = seat && reveal ? { device: seat.device, ...reveal } : null;
  return { link, phase, expiresAt, end: why, commitment: seat?.commitment ?? null, newcomer };
}

function newcomerView(
  t: Turn,
  { link, phase, expiresAt, end: why, sponsor, opening, manifest }: LinkSession,
): NewcomerView {
  const manifests =
    opening === null ? [] : (manifestsAfter(t, 0).slice(0, opening.version) as unknown as SignedManifest[]);
  return {
    link,
    phase,
    expiresAt,
    end: why,
    sponsor: opening && { device: sponsor, ...opening },
    manifests,
    manifest,
  };
}
