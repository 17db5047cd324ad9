import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { base64url } from '../../bytes/base64url.ts';
import { hex } from '../../bytes/hex.ts';
import { accountIdOf, deviceIdOf } from '../account.ts';
import { p256Spki } from '../signature.ts';
import { comparisonCode, linkCommitment, type Newcomer, type Sponsor } from './code.ts';
import { readInvitation, writeInvitation } from './invitation.ts';
import { admits, advance, type LinkSession, type LinkStep, newLink } from './session.ts';

const fill = (length: number, byte: number) => new Uint8Array(length).fill(byte);
const place = { link: fill(16, 1), account: fill(32, 2) };
const sponsor: Sponsor = {
  device: fill(16, 3),
  key: p256Spki(fill(32, 4), fill(32, 5)),
  nonce: fill(32, 6),
  head: { version: 7, hash: fill(32, 8) },
};
const newcomer: Newcomer = { device: fill(16, 9), key: p256Spki(fill(32, 10), fill(32, 11)), nonce: fill(32, 12) };

describe('the comparison code', () => {
  it('is the one of the page’s vector', () => {
    expect(hex(linkCommitment(place, newcomer))).toBe(
      '484c691706b9c3c17c8302dc7e305ecfdb6495103ca9abc60637160cd4bf3f1d',
    );
    expect(comparisonCode(place, sponsor, newcomer)).toBe('6701 7368');
  });

  const other = fill(32, 99);
  it.each<[string, typeof place, Sponsor, Newcomer]>([
    ['link', { ...place, link: fill(16, 99) }, sponsor, newcomer],
    ['account', { ...place, account: other }, sponsor, newcomer],
    ['head version', place, { ...sponsor, head: { ...sponsor.head, version: 8 } }, newcomer],
    ['head hash', place, { ...sponsor, head: { ...sponsor.head, hash: other } }, newcomer],
    ['sponsor’s device', place, { ...sponsor, device: fill(16, 99) }, newcomer],
    ['sponsor’s key', place, { ...sponsor, key: newcomer.key }, newcomer],
    ['sponsor’s nonce', place, { ...sponsor, nonce: other }, newcomer],
    ['newcomer’s device', place, sponsor, { ...newcomer, device: fill(16, 99) }],
    ['newcomer’s key', place, sponsor, { ...newcomer, key: sponsor.key }],
    ['newcomer’s nonce', place, sponsor, { ...newcomer, nonce: other }],
  ])('changes with the %s', (_, where, one, two) => {
    expect(comparisonCode(where, one, two)).not.toBe(comparisonCode(place, sponsor, newcomer));
  });

  it('binds device, key and nonce in the commitment, for this link of this account only', () => {
    const changed = [
      linkCommitment({ ...place, link: fill(16, 99) }, newcomer),
      linkCommitment({ ...place, account: other }, newcomer),
      linkCommitment(place, { ...newcomer, device: fill(16, 99) }),
      linkCommitment(place, { ...newcomer, key: sponsor.key }),
      linkCommitment(place, { ...newcomer, nonce: other }),
      linkCommitment(place, newcomer),
    ];
    expect(new Set(changed.map((one) => hex(one))).size).toBe(changed.length);
  });
});

describe('an invitation', () => {
  const invitation = {
    account: accountIdOf(fill(32, 2)),
    link: base64url(fill(16, 1)),
    secret: base64url(fill(16, 7)),
  };

  it('reads back, and fits a small QR code', () => {
    const text = writeInvitation(invitation);
    expect(text).toHaveLength(87);
    expect(readInvitation(text)).toEqual(invitation);
  });

  it.each(['', 'x', 'A'.repeat(87), `B${writeInvitation(invitation).slice(1)}`, `${writeInvitation(invitation)}A`])(
    'that is none is none: %s',
    (text) => expect(readInvitation(text)).toBeNull(),
  );
});

describe('a link', () => {
  const account = accountIdOf(place.account);
  const device = deviceIdOf(newcomer.device);
  const secret = fill(16, 7);
  const key = base64url(newcomer.key);
  const nonce = base64url(newcomer.nonce);
  const commitment = base64url(linkCommitment(place, newcomer));
  const verdict = {
    format: 'tpm2',
    decision: 'accept',
    identityBinding: 'key-attested',
    attestedKeyHardware: 'tpm',
    identityKeyHardware: 'tpm',
    policy: 'p',
  } as const;
  const opening = { nonce: base64url(sponsor.nonce), version: 7, hash: base64url(sponsor.head.hash) };
  const manifest = { payload: 'AAAA', signatures: [] };
  const steps: readonly LinkStep[] = [
    { step: 'commit', device, commitment },
    { step: 'open', ...opening },
    { step: 'reveal', device, key, nonce, verdict },
    { step: 'sign', manifest },
    { step: 'linked', device },
  ];
  const fresh = () => newLink(base64url(place.link), base64url(sha256(secret)), 'sponsor', 1_000);
  const walk = (count: number): LinkSession =>
    steps.slice(0, count).reduce((session, step) => {
      const moved = advance(account, session, step, 10);
      if (!moved.ok) throw new Error(`${step.step}: ${moved.reason}`);
      return moved.session;
    }, fresh());
  const refused = (session: LinkSession, step: LinkStep, now = 10) => {
    const moved = advance(account, session, step, now);
    return moved.ok ? moved.session.phase : moved.reason;
  };

  it('goes from step to step to its end, and each step said again changes nothing', () => {
    expect(walk(5).phase).toBe('linked');
    for (let i = 0; i < 4; i++)
      expect(advance(account, walk(i + 1), steps[i]!, 10)).toEqual({ ok: true, session: walk(i + 1) });
  });

  it('takes no step before its turn', () => {
    expect(refused(fresh(), steps[1]!)).toBe('link-phase');
    expect(refused(fresh(), steps[2]!)).toBe('link-phase');
    expect(refused(walk(1), steps[2]!)).toBe('link-phase');
    expect(refused(walk(2), steps[3]!)).toBe('link-phase');
    expect(refused(walk(3), steps[4]!)).toBe('link-phase');
  });

  it('has one seat: another newcomer finds it taken, at any time', () => {
    for (const count of [1, 2, 3, 4, 5])
      expect(refused(walk(count), { step: 'commit', device: 'another', commitment })).toBe('link-taken');
    expect(refused(walk(2), { ...(steps[2] as LinkStep & { step: 'reveal' }), device: 'another' })).toBe('link-taken');
  });

  it('opens no commitment with another key, nonce or device', () => {
    const reveal = steps[2] as LinkStep & { step: 'reveal' };
    expect(refused(walk(2), { ...reveal, key: base64url(sponsor.key) })).toBe('link-commitment');
    expect(refused(walk(2), { ...reveal, nonce: opening.nonce })).toBe('link-commitment');
  });

  it('lets nobody change what he said', () => {
    expect(refused(walk(1), { step: 'commit', device, commitment: nonce })).toBe('link-taken');
    expect(refused(walk(2), { step: 'open', ...opening, nonce })).toBe('link-taken');
    expect(refused(walk(4), { step: 'sign', manifest: { payload: 'BBBB', signatures: [] } })).toBe('link-taken');
  });

  it('is over when its time is, or when a side refuses; only one that linked stays so', () => {
    for (const count of [0, 1, 2, 3, 4]) expect(refused(walk(count), steps[count]!, 1_000)).toBe('link-over');
    const ended = advance(account, walk(3), { step: 'end', end: 'sponsor' }, 10);
    expect(ended).toMatchObject({ ok: true, session: { phase: 'ended', end: 'sponsor' } });
    expect(ended.ok && refused(ended.session, steps[3]!)).toBe('link-over');
    expect(refused(walk(5), { step: 'end', end: 'newcomer' }, 2_000)).toBe('link-phase');
  });

  it('admits who knows the secret', () => {
    expect(admits(fresh(), base64url(secret))).toBe(true);
    for (const wrong of [base64url(fill(16, 8)), '', 'A', base64url(fill(17, 7))])
      expect(admits(fresh(), wrong)).toBe(false);
  });
});
