import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keys, NOW, random, settled } from '../../../test/support/authority.ts';
import { born, PLAIN, toy } from '../../../test/support/manifests.ts';
import { base64url } from '../../bytes/base64url.ts';
import { utf8 } from '../../bytes/utf8.ts';
import { CODE } from '../../protocol/handle.ts';
import { keySet, publicJwk, spkiOf } from '../jwk.ts';
import { type AssertionExpectation, type AssertionFacts, draftAssertion, judgeAssertion } from './assertion.ts';
import { readHandle } from './canonical.ts';
import { codeFrom, judgeCode, pendingCode, type PendingCode, type WrongCodes } from './code.ts';
import { commitmentOf } from './commitment.ts';
import { canonicalEmail } from './email.ts';

const RULES = { kinds: ['phone', 'email', 'external'], issuers: ['corp'] } as const;
const canonical = (text: string) => {
  const read = readHandle(text, RULES);
  return read.ok ? read.handle.canonical : read.reason;
};

describe('a handle has one canonical form', () => {
  it.each([
    ['+49 30 901820', 'tel:+4930901820'],
    ['+49 (0)30 901820', 'tel:+4930901820'],
    ['tel:+4930901820', 'tel:+4930901820'],
    ['+1 (212) 555-0123', 'tel:+12125550123'],
    ['Alice.B+Tag@Example.ORG', 'mail1:alice.b+tag@example.org'],
    ['bob@Bücher.example', 'mail1:bob@xn--bcher-kva.example'],
    ['bob@bu\u0308cher.example', 'mail1:bob@xn--bcher-kva.example'],
    ['mail1:alice@example.org', 'mail1:alice@example.org'],
    ['corp:Employee-7', 'ext:corp:Employee-7'],
    ['ext:corp:Employee-7', 'ext:corp:Employee-7'],
  ])('%s', (text, expected) => expect(canonical(text)).toBe(expected));

  it('that reads as itself', () => {
    const part = fc.stringMatching(/^[A-Za-z0-9._+-]{1,20}$/);
    fc.assert(
      fc.property(part, part, (local, domain) => {
        const once = canonical(`${local}@${domain}.example`);
        expect([once, 'malformed']).toContain(canonical(once));
      }),
    );
  });

  it.each([
    '030 901820',
    '+49 30',
    '+4930901820;ext=5',
    '+00000000000',
    'alice',
    'alice@',
    '@example.org',
    'alice@localhost',
    'alice@127.0.0.1',
    'alice@1.2',
    'alice@[::1]',
    'alice@example.org:80',
    'alice@exa mple.org',
    'alice@example.org/x',
    'alice@exam%70le.org',
    'a..b@example.org',
    '.a@example.org',
    '"a b"@example.org',
    'alice@bob@example.org',
    'alice\n@example.org',
    'alice@example.org\u0000',
    'other:Employee-7',
    'corp:a b',
    'x@y.z'.padEnd(400, 'z'),
    '\ud800@example.org',
    '',
  ])('%j has none', (text) => expect(canonical(text)).toBe('malformed'));

  it('that is not offered by this deployment is another refusal', () => {
    expect(readHandle('a@example.org', { kinds: ['phone'], issuers: [] })).toEqual({ ok: false, reason: 'kind-off' });
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        expect(typeof canonical(text)).toBe('string');
        expect(canonicalEmail(`${text}@${text}`)).not.toBe('');
      }),
    );
  });
});

describe('an assertion', async () => {
  const directory = await keys();
  const handle = 'mail1:alice@example.org';
  const salt = random(32);
  const head = born(toy(1), NOW, { ...PLAIN, handles: [commitmentOf(salt, handle)] });
  const facts = {
    issuer: 'https://calls.example',
    account: head.account,
    handle,
    salt: base64url(salt),
    method: 'email' as const,
    verifiedAt: NOW,
  } satisfies AssertionFacts;
  const kid = 'directory-1';
  const set = keySet([{ keyId: kid, publicKey: directory.spki }]);
  const signed = async (part: Partial<AssertionFacts> = {}, at = NOW, signer = directory) => {
    const draft = draftAssertion({ ...facts, ...part }, kid, at);
    return draft.seal(await signer.sign(draft.input));
  };
  const judge = (text: string, part: Partial<AssertionExpectation> = {}) =>
    settled(judgeAssertion(text, { issuer: facts.issuer, keys: set, head, handle, now: NOW, ...part }));

  it('is accepted for its account, whose manifest commits to the handle', async () => {
    expect(await judge(await signed())).toMatchObject({ sub: head.account, handle, verified_at: NOW / 1000 });
    expect(await judge(await signed(), { handle: null })).toMatchObject({ handle });
  });

  it.each<[string, string, () => Promise<unknown>]>([
    [
      'not-committed',
      'a handle that the manifest does not commit to',
      async () => judge(await signed({ handle: 'mail1:bob@example.org' }), { handle: null }),
    ],
    ['not-committed', 'another salt', async () => judge(await signed({ salt: base64url(random(32)) }))],
    ['account', 'another account', async () => judge(await signed({ account: born(toy(2), NOW).account }))],
    ['handle', 'another handle than asked for', async () => judge(await signed(), { handle: 'mail1:bob@example.org' })],
    ['issuer', 'another deployment', async () => judge(await signed(), { issuer: 'https://other.example' })],
    ['unknown-key', 'a key that is not published', async () => judge(await signed(), { keys: { keys: [] } })],
    ['signature-invalid', 'another key', async () => judge(await signed({}, NOW, await keys()))],
    ['expired', 'a day later', async () => judge(await signed(), { now: NOW + 25 * 3_600_000 })],
    ['not-yet-valid', 'from the future', async () => judge(await signed({}, NOW + 3_600_000))],
    [
      'malformed',
      'alg none',
      async () =>
        judge(
          (await signed()).replace(
            /^[^.]+/,
            base64url(utf8('{"alg":"none","typ":"callsign-handle+jwt","kid":"directory-1"}')),
          ),
        ),
    ],
    [
      'malformed',
      'another typ',
      async () =>
        judge(
          (await signed()).replace(/^[^.]+/, base64url(utf8('{"alg":"ES256","typ":"at+jwt","kid":"directory-1"}'))),
        ),
    ],
    [
      'malformed',
      'a header with more',
      async () =>
        judge(
          (await signed()).replace(
            /^[^.]+/,
            base64url(utf8('{"alg":"ES256","typ":"callsign-handle+jwt","kid":"directory-1","jku":"https://x"}')),
          ),
        ),
    ],
    ['malformed', 'too long', async () => judge(`${await signed()}${'A'.repeat(2048)}`)],
  ])('is refused: %s (%s)', async (reason, _what, attempt) => {
    await expect(attempt()).rejects.toThrow(reason);
  });

  it('key sets give back the keys they were made of', () => {
    expect(spkiOf(publicJwk(kid, directory.spki))).toEqual(directory.spki);
    expect(() => publicJwk(kid, new Uint8Array(91))).toThrow(TypeError);
  });
});

describe('a verification code', () => {
  const key = { kid: 'k1', secret: random(32) };
  const scope = { account: 'a', device: 'd', handle: 'mail1:x@example.org' };
  const open = pendingCode(key, scope, '012345', NOW);
  const judge = (code: string, part: Partial<typeof scope> = {}, pending: PendingCode | null = open, now = NOW) =>
    judgeCode([key], pending, null, { ...scope, ...part }, code, now).answer;

  it('has six digits, each value as likely', () => {
    expect(codeFrom(new Uint8Array(8))).toBe('000000');
    expect(codeFrom(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 7))).toBe('000007');
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 8, maxLength: 8 }), (bytes) => /^[0-9]{6}$/.test(codeFrom(bytes))),
    );
  });

  it('is right for its account, device and handle, until it expires, and once', () => {
    expect(judge('012345')).toBe('right');
    expect(judgeCode([key], open, null, scope, '012345', NOW).pending).toBeNull();
    expect(judge('012346')).toBe('wrong');
    for (const other of [{ account: 'b' }, { device: 'e' }, { handle: 'tel:+1' }])
      expect(judge('012345', other)).toBe('wrong');
    expect(judge('012345', {}, open, NOW + CODE.lifeMs)).toBe('spent');
    expect(judge('012345', {}, null)).toBe('spent');
  });

  it('is kept as a MAC of a named key', () => {
    expect(JSON.stringify(open)).not.toContain('012345');
    expect(judgeCode([{ ...key, kid: 'k2' }], open, null, scope, '012345', NOW).answer).toBe('spent');
    expect(judgeCode([{ kid: 'k2', secret: random(32) }, key], open, null, scope, '012345', NOW).answer).toBe('right');
  });

  it('allows five tries, and fifteen wrong ones a day over all resends', () => {
    let wrong: WrongCodes | null = null;
    const answers: string[] = [];
    for (let resend = 0; resend < 4; resend++) {
      let pending: PendingCode | null = pendingCode(key, scope, '012345', NOW);
      for (let attempt = 0; attempt < 6; attempt++) {
        const judged = judgeCode([key], pending, wrong, scope, '999999', NOW);
        [pending, wrong] = [judged.pending, judged.wrong];
        answers.push(judged.answer);
      }
    }
    const round = ['wrong', 'wrong', 'wrong', 'wrong', 'wrong'];
    expect(answers).toEqual([
      ...round,
      'spent',
      ...round,
      'spent',
      ...round,
      'locked',
      'locked',
      'locked',
      'locked',
      'locked',
      'locked',
      'locked',
    ]);
    expect(judgeCode([key], open, wrong, scope, '012345', NOW).answer).toBe('locked');
    expect(
      judgeCode([key], { ...open, expiresAt: NOW + 2 * 86_400_000 }, wrong, scope, '012345', NOW + 86_400_000).answer,
    ).toBe('right');
  });
});
