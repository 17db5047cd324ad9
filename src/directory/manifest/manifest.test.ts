import { sha256 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import {
  born,
  grow,
  parsed,
  PLAIN,
  replayAt,
  sign,
  toy,
  toyHolds,
  type ToyKey,
} from '../../../test/support/manifests.ts';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { fromUtf8, utf8 } from '../../bytes/utf8.ts';
import type { Manifest, SignedManifest } from '../../protocol/manifest.ts';
import { verifyAll } from '../signature.ts';
import { extend, type Judge } from './chain.ts';
import type { Head } from './head.ts';
import { parseManifest } from './parse.ts';
import { assemble, draft, genesisOf, signingInput, successor } from './write.ts';

const DAY = 86_400_000;
const T0 = 1_800_000_000_000;
const [A, B, C, D, R] = [toy(1), toy(2), toy(3), toy(4), toy(99)];
const entry = (key: ToyKey, addedAt: number) => ({ id: key.id, key: key.key, addedAt });
const asRecovery = (key: ToyKey) => ({ ...key, as: 'recovery' as const });

function must(head: Head | null, jws: SignedManifest): Head {
  const step = grow(head, jws);
  if (typeof step === 'string') throw new Error(step);
  return step.head;
}

/** A, and B eight days later: both may do everything from day 16 on. */
function pair(terms = PLAIN): Head {
  const one = born(A, T0, terms);
  return must(one, sign(adding(one, T0 + 8 * DAY, B), A, B));
}
const OLD = T0 + 16 * DAY;

function adding(head: Head, at: number, ...keys: ToyKey[]): Manifest {
  return successor(head, at, { devices: [...head.manifest.devices, ...keys.map((key) => entry(key, at))] });
}
function removing(head: Head, at: number, ...keys: ToyKey[]): Manifest {
  const gone = new Set(keys.map((key) => key.id));
  return successor(head, at, { devices: head.manifest.devices.filter((device) => !gone.has(device.id)) });
}
function replacing(head: Head, at: number, old: ToyKey, key: ToyKey): Manifest {
  const devices = head.manifest.devices.map((device) =>
    device.id === old.id ? entry({ ...key, id: old.id }, at) : device,
  );
  return successor(head, at, { devices });
}
const delay = (hours: number): Manifest['recovery'] => ({ policy: 'delay', delayHours: hours, handles: [] });

describe('a manifest chain', () => {
  it('is named by the hash of its genesis and verified from there or from any known head', () => {
    const genesis = sign(genesisOf(A, T0, PLAIN), A);
    const one = must(null, genesis);
    const second = sign(adding(one, T0 + DAY, B), A, B);
    const two = must(one, second);
    const third = sign(removing(two, T0 + 2 * DAY, B), A);
    const all = extend(one.account, null, [genesis, second, third].map(parsed), replayAt(OLD));
    const rest = extend(one.account, two, [second, third].map(parsed), replayAt(OLD));
    if (!all.ok || !rest.ok) throw new Error('refused');
    const whole = all.conclude(toyHolds);
    expect(whole).toMatchObject({ ok: true, value: { length: 3 } });
    expect(rest.conclude(toyHolds)).toEqual({ ok: true, value: whole.ok && whole.value.slice(2) });
  });

  it('remembers since which version each device holds its key', () => {
    const head = pair();
    const C1 = toy(12, 1);
    const three = must(head, sign(replacing(head, OLD, A, C1), A, C1));
    expect(three.since).toEqual({ [A.id]: 3, [B.id]: 2 });
    const four = must(three, sign(removing(three, OLD, B), B));
    expect(four.since).toEqual({ [A.id]: 3 });
  });

  it('verifies with WebCrypto what WebCrypto signed', async () => {
    const pair = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
    const key = base64url(new Uint8Array(await crypto.subtle.exportKey('spki', pair.publicKey)));
    const document = draft(genesisOf({ id: A.id, key }, T0, PLAIN));
    const input = signingInput(document, { kid: A.id });
    const signature = new Uint8Array(
      await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, pair.privateKey, input),
    );
    const plan = extend(null, null, [parsed(assemble(document, [{ kid: A.id, signature }]))], replayAt(T0));
    if (!plan.ok) throw new Error(plan.reason);
    const results = await verifyAll(crypto.subtle, plan.checks);
    expect(plan.conclude((_, i) => results[i]!)).toMatchObject({ ok: true });
    const offCurve = await verifyAll(crypto.subtle, [{ ...plan.checks[0]!, key: A.spki as Uint8Array<ArrayBuffer> }]);
    expect(offCurve).toEqual([false]);
  });

  it('lets a device remove itself, replace its own key, and remove a younger one at once', () => {
    const head = pair();
    expect(grow(head, sign(removing(head, OLD, A), A))).toMatchObject({ authority: { by: 'self-removal' } });
    const A2 = toy(11, 1);
    expect(grow(head, sign(replacing(head, OLD, A, A2), A, A2))).toMatchObject({ authority: { by: 'replacement' } });
    expect(grow(head, sign(removing(head, OLD, B), A))).toMatchObject({ authority: { by: 'device', id: A.id } });
  });
});

describe('a forged manifest is refused', () => {
  const head = pair();
  const forged: [string, string, () => string | object][] = [
    ['unauthorized', 'a device added without an old device', () => grow(head, sign(adding(head, OLD, C), C))],
    [
      'unauthorized',
      'handles changed by a stranger',
      () => grow(head, sign(successor(head, OLD, { handles: [base64url(sha256(utf8('x')))] }), C)),
    ],
    ['possession-missing', 'a key added that did not sign', () => grow(head, sign(adding(head, OLD, C), A))],
    ['signature-unexpected', 'two old devices', () => grow(head, sign(adding(head, OLD, C), A, B, C))],
    ['signature-unexpected', 'one device signing twice', () => grow(head, sign(adding(head, OLD, C), A, A, C))],
    ['signature-unexpected', 'a stranger beside a device', () => grow(head, sign(adding(head, OLD, C), A, C, D))],
    [
      'signature-invalid',
      'a signature by another key under the old id',
      () => grow(head, sign(adding(head, OLD, C), { ...D, id: A.id }, C)),
    ],
    [
      'signature-invalid',
      'possession claimed with another key',
      () => grow(head, sign(adding(head, OLD, C), A, { ...D, id: C.id })),
    ],
    [
      'removal-not-alone',
      'self-removal that adds a device',
      () =>
        grow(
          head,
          sign(
            successor(head, OLD, { devices: [entry(C, OLD), head.manifest.devices.find((d) => d.id === B.id)!] }),
            A,
            C,
          ),
        ),
    ],
    [
      'removal-not-alone',
      'self-removal that changes handles',
      () => grow(head, sign({ ...removing(head, OLD, A), handles: [base64url(sha256(utf8('x')))] }, A)),
    ],
    [
      'key-changed',
      "another device's key replaced",
      () => grow(head, sign(replacing(head, OLD, B, C), A, { ...C, id: B.id })),
    ],
    [
      'replacement-not-alone',
      'a replacement that adds a device',
      () =>
        grow(
          head,
          sign({ ...replacing(adding2(head), OLD, A, D), version: 3, previous: head.hash }, A, { ...D, id: A.id }, C),
        ),
    ],
    [
      'signature-unexpected',
      'a replacement with a third signature',
      () => grow(head, sign(replacing(head, OLD, A, D), A, { ...D, id: A.id }, B)),
    ],
    [
      'signature-invalid',
      "a replacement whose first signature is the new key's",
      () => grow(head, sign(replacing(head, OLD, A, D), { ...D, id: A.id }, A)),
    ],
    [
      'key-reused',
      'a device that takes the key of the one it removes',
      () => {
        const heir = { ...B, id: A.id };
        return grow(head, sign(removing({ ...head, manifest: replacing(head, OLD, A, heir) }, OLD, B), A, heir));
      },
    ],
    ['malformed', 'one key twice', () => grow(head, sign(adding(head, OLD, { ...C, key: A.key }), A, C))],
    ['version-skipped', 'a version left out', () => grow(head, sign({ ...adding(head, OLD, C), version: 4 }, A, C))],
    ['version-known', 'a version long known', () => grow(head, sign({ ...adding(head, OLD, C), version: 1 }, A, C))],
    [
      'fork',
      'the known version with other content',
      () => grow(head, sign({ ...adding(head, OLD, C), version: 2 }, A, C)),
    ],
    [
      'previous-mismatch',
      'a successor of something else',
      () => grow(head, sign({ ...adding(head, OLD, C), previous: base64url(sha256(utf8('x'))) }, A, C)),
    ],
    [
      'account-mismatch',
      'another account',
      () => grow(head, sign({ ...adding(head, OLD, C), account: born(C, T0).account }, A, C)),
    ],
    [
      'account-mismatch',
      'another genesis for the account asked for',
      () => {
        const p = extend(head.account, null, [parsed(sign(genesisOf(C, T0, PLAIN), C))], replayAt(OLD));
        return p.ok ? p : p.reason;
      },
    ],
    ['version-skipped', 'a chain without its genesis', () => grow(null, sign(adding(head, OLD, C), A, C))],
    [
      'unauthorized',
      'a genesis with two devices',
      () =>
        grow(
          null,
          sign(
            {
              ...genesisOf(A, T0, PLAIN),
              devices: [entry(B, T0), entry(A, T0)].sort((a, b) => (a.id < b.id ? -1 : 1)),
            },
            A,
            B,
          ),
        ),
    ],
    ['signature-unexpected', 'a genesis signed by somebody else', () => grow(null, sign(genesisOf(A, T0, PLAIN), B))],
    [
      'added-at',
      'a genesis that predates its device',
      () => grow(null, sign({ ...genesisOf(A, T0, PLAIN), issuedAt: T0 + 1 }, A)),
    ],
    [
      'added-at',
      'a device that claims to be old',
      () => grow(head, sign(successor(head, OLD, { devices: [...head.manifest.devices, entry(C, T0)] }), A, C)),
    ],
    [
      'added-at',
      'a device whose age is rewritten',
      () =>
        grow(
          head,
          sign(successor(head, OLD, { devices: head.manifest.devices.map((d) => ({ ...d, addedAt: T0 })) }), A),
        ),
    ],
    ['issued-before-previous', 'time going back', () => grow(head, sign(adding(head, T0, C), A, C))],
    [
      'issued-in-future',
      'time running ahead',
      () => grow(head, sign(adding(head, OLD, C), A, C), replayAt(OLD - 6 * 60_000)),
    ],
    [
      'issued-too-early',
      'a stale version at the server',
      () => grow(head, sign(adding(head, OLD, C), A, C), { ...replayAt(OLD + 6 * 60_000), mode: 'accept' }),
    ],
    [
      'last-device',
      'nobody left',
      () => {
        const one = born(A, T0);
        return grow(one, sign(removing(one, OLD, A), A));
      },
    ],
    [
      'protocol-downgrade',
      'a lower protocol',
      () => {
        const one = born(A, T0, { ...PLAIN, minProtocol: 3 });
        return grow(one, sign(successor(one, OLD, { minProtocol: 2 }), A));
      },
    ],
    [
      'must-understand',
      'a rule we do not know',
      () => grow(head, sign({ ...adding(head, OLD, C), must: ['quorum'], quorum: 2 }, A, C)),
    ],
    [
      'signer-revoked',
      'a revoked signer',
      () => grow(head, sign(adding(head, OLD, C), A, C), judge({ revokedAt: (id) => (id === A.id ? OLD - 1 : null) })),
    ],
    [
      'signer-expired',
      'a signer without certificate',
      () => grow(head, sign(adding(head, OLD, C), A, C), judge({ expired: (id) => id === A.id })),
    ],
    [
      'signature-unexpected',
      'a removed device signing beside a device',
      () => {
        const two = must(head, sign(removing(head, OLD, B), A));
        return grow(two, sign(adding(two, OLD, C), A, B, C));
      },
    ],
    [
      'unauthorized',
      'a removed device signing',
      () => {
        const two = must(head, sign(removing(head, OLD, B), A));
        return grow(two, sign(adding(two, OLD, C), B, C));
      },
    ],
    [
      'device-reused',
      'a removed id coming back',
      () => {
        const two = must(head, sign(removing(head, OLD, B), A));
        const again = { ...C, id: B.id };
        return grow(two, sign(adding(two, OLD, again), A, again));
      },
    ],
    [
      'key-reused',
      'a removed key coming back',
      () => {
        const two = must(head, sign(removing(head, OLD, B), A));
        const again = { ...B, id: C.id };
        return grow(two, sign(adding(two, OLD, again), A, again));
      },
    ],
    [
      'key-reused',
      'a replaced key coming back',
      () => {
        const two = must(head, sign(replacing(head, OLD, A, D), A, { ...D, id: A.id }));
        return grow(two, sign(replacing(two, OLD, A, A), { ...D, id: A.id }, A));
      },
    ],
  ];
  function judge(part: Partial<Judge>): Judge {
    return { ...replayAt(OLD), ...part };
  }
  function adding2(base: Head): Head {
    return { ...base, manifest: adding(base, OLD, C) };
  }

  it.each(forged)('%s: %s', (reason, _what, attempt) => expect(attempt()).toBe(reason));

  it('a signer without certificate may still replace its own key, and a revocation does not reach back', () => {
    expect(
      grow(head, sign(replacing(head, OLD, A, D), A, { ...D, id: A.id }), judge({ expired: () => true })),
    ).toBeTypeOf('object');
    expect(grow(head, sign(adding(head, OLD, C), A, C), judge({ revokedAt: () => OLD + 1 }))).toBeTypeOf('object');
  });
});

describe('the seven days', () => {
  const two = pair();
  const day3 = T0 + 11 * DAY;

  it('a new device neither removes an older one nor changes recovery', () => {
    expect(grow(two, sign(removing(two, day3, A), B))).toBe('signer-too-new');
    expect(grow(two, sign(successor(two, day3, { recovery: delay(0) }), B))).toBe('signer-too-new');
    expect(grow(two, sign(adding(two, day3, C), B, C))).toBeTypeOf('object');
  });

  it('they pass, and they do not bind a device that has no older one above it', () => {
    expect(grow(two, sign(removing(two, OLD, A), B))).toBeTypeOf('object');
    const one = born(A, T0);
    expect(grow(one, sign(successor(one, T0 + DAY, { recovery: delay(0) }), A))).toBeTypeOf('object');
  });
});

describe('recovery', () => {
  const committed = { ...PLAIN, recovery: { ...delay(24), keyHash: base64url(sha256(R.spki)) } };

  it('a change waits for the old delay, and going back ends it', () => {
    const two = pair();
    const three = must(two, sign(successor(two, OLD, { recovery: delay(0) }), A));
    expect(three.recovery).toMatchObject({
      effective: { delayHours: 24 },
      pending: { effectiveAt: OLD + DAY, terms: { delayHours: 0 } },
    });
    const later = must(three, sign(adding(three, OLD + DAY, C), A, C));
    expect(later.recovery).toMatchObject({ effective: { delayHours: 0 }, pending: null });
    const vetoed = must(three, sign(successor(three, OLD + 1, { recovery: delay(24) }), B));
    expect(vetoed.recovery).toMatchObject({ effective: { delayHours: 24 }, pending: null });
  });

  it('the veto is open to a new device too, and nobody who holds it is removed meanwhile', () => {
    const two = pair();
    const day3 = T0 + 11 * DAY;
    const three = must(two, sign(successor(two, day3, { recovery: delay(0) }), A));
    expect(grow(three, sign(removing(three, day3, B), A))).toBe('removal-while-recovery-pending');
    expect(grow(two, sign({ ...removing(two, day3, B), recovery: delay(0) }, A))).toBe(
      'removal-while-recovery-pending',
    );
    expect(grow(three, sign(successor(three, day3, { recovery: delay(24) }), B))).toBeTypeOf('object');
    expect(grow(three, sign(successor(three, day3, { recovery: delay(48) }), B))).toBe('signer-too-new');
    expect(grow(three, sign(removing(three, day3, B), B))).toMatchObject({ authority: { by: 'self-removal' } });
  });

  it('handles that move under unchanged places count as a change', () => {
    const handles = ['a', 'b'].map((name) => base64url(sha256(utf8(name)))).sort();
    const one = born(A, T0, { ...PLAIN, handles, recovery: { ...delay(24), handles: [1] } });
    const moved = must(
      one,
      sign(successor(one, OLD, { handles: [handles[1]!], recovery: { ...delay(24), handles: [0] } }), A),
    );
    expect(moved.recovery.pending).toBeNull();
    const swapped = must(one, sign(successor(one, OLD, { recovery: { ...delay(24), handles: [0] } }), A));
    expect(swapped.recovery.pending?.terms.handles).toEqual([handles[0]]);
  });

  it('the committed key adds one device a week and nothing else', () => {
    const one = born(A, T0, committed);
    const two = must(one, sign(adding(one, OLD, C), asRecovery(R), C));
    expect(two.recovery.keyUsedAt).toBe(OLD);
    expect(grow(two, sign(adding(two, OLD + DAY, D), asRecovery(R), D))).toBe('recovery-key-too-soon');
    expect(grow(two, sign(adding(two, OLD + 7 * DAY, D), asRecovery(R), D))).toMatchObject({
      authority: { by: 'recovery-key' },
    });
    expect(grow(one, sign(adding(one, OLD, C, D), asRecovery(R), C, D))).toBe('recovery-key-limits');
    expect(grow(one, sign({ ...adding(one, OLD, C), minProtocol: 2 }, asRecovery(R), C))).toBe('recovery-key-limits');
    expect(grow(one, sign(adding(one, OLD, D), asRecovery(C), D))).toBe('recovery-key-unknown');
    expect(grow(one, sign(adding(one, OLD, D), asRecovery({ ...R, jwk: C.jwk }), D))).toBe('recovery-key-unknown');
    expect(grow(one, sign(adding(one, OLD, D), asRecovery(R)))).toBe('possession-missing');
    expect(grow(one, sign(adding(one, OLD, D), asRecovery(R), A, D))).toBe('signature-unexpected');
    const none = born(A, T0);
    expect(grow(none, sign(adding(none, OLD, D), asRecovery(R), D))).toBe('recovery-key-unknown');
  });
});

describe('a document is refused when it', () => {
  const good = sign(genesisOf(A, T0, PLAIN), A);
  const text = fromUtf8(fromBase64url(good.payload)!)!;
  const header = fromUtf8(fromBase64url(good.signatures[0]!.protected)!)!;
  const payload = (changed: string) => ({ ...good, payload: base64url(utf8(changed)) });
  const protect = (changed: string) => ({
    ...good,
    signatures: [{ ...good.signatures[0]!, protected: base64url(utf8(changed)) }],
  });
  const reason = (jws: unknown) => {
    const result = parseManifest(jws);
    return result.ok ? 'ok' : result.reason;
  };

  it.each([
    ['is not an object', 'malformed', null],
    ['has an unprotected header', 'malformed', { ...good, signatures: [{ ...good.signatures[0], header: {} }] }],
    ['has no signature', 'malformed', { ...good, signatures: [] }],
    ['is too large', 'malformed', { ...good, payload: 'A'.repeat(20_000) }],
    ['is spelled differently', 'not-canonical', payload(` ${text}`)],
    ['names a member twice', 'not-canonical', payload(text.replace('{', '{"v":1,'))],
    ['holds a fraction', 'not-canonical', payload(text.replace('"minProtocol":1', '"minProtocol":1.5'))],
    ['is another version of the format', 'malformed', payload(text.replace('"v":1', '"v":2'))],
    ['holds a key that is no P-256 SPKI', 'malformed', payload(text.replace(A.key, base64url(new Uint8Array(91))))],
    [
      'names a handle place that does not exist',
      'malformed',
      payload(text.replace('"handles":[],"policy"', '"handles":[0],"policy"')),
    ],
    ['is signed with alg none', 'malformed', protect(header.replace('ES256', 'none'))],
    ['is signed with HS256', 'malformed', protect(header.replace('ES256', 'HS256'))],
    ['carries another typ', 'malformed', protect(header.replace('callsign-manifest+jws', 'JWT'))],
    ['carries crit', 'malformed', protect(header.replace('{', '{"crit":["b64"],'))],
    ['has a header spelled differently', 'malformed', protect(header.replace('{', '{ '))],
    ['signs as recovery without its key', 'malformed', protect(header.replace(A.id, 'recovery'))],
  ])('%s', (_what, expected, jws) => expect(reason(jws)).toBe(expected));

  it('is the one it was, otherwise', () => expect(reason(good)).toBe('ok'));
});
