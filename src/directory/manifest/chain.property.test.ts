import fc from 'fast-check';
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
import type { SignedManifest } from '../../protocol/manifest.ts';
import { extend } from './chain.ts';
import type { Head } from './head.ts';
import { parseManifest } from './parse.ts';
import { genesisOf, successor } from './write.ts';

const DAY = 86_400_000;
const T0 = 1_800_000_000_000;

/** Somebody tries something after some days. Ids and keys come from small pools, so that reuse and strangers happen. */
interface Attempt {
  readonly wait: number;
  readonly signer: number;
  readonly what: 'add' | 'remove' | 'leave' | 'replace';
  readonly subject: number;
  readonly key: number;
  readonly possession: boolean;
}
const attempts: fc.Arbitrary<Attempt[]> = fc.array(
  fc
    .record({
      wait: fc.integer({ min: 0, max: 9 }),
      signer: fc.integer({ min: 0, max: 4 }),
      what: fc.constantFrom('add', 'add', 'remove', 'leave', 'replace'),
      subject: fc.integer({ min: 0, max: 4 }),
      key: fc.integer({ min: 0, max: 9 }),
      possession: fc.boolean(),
    })
    // Adding oneself again is, byte for byte, a replacement, and removing oneself is leaving.
    .filter((one) => one.what === 'leave' || one.what === 'replace' || one.subject !== one.signer),
  { maxLength: 14 },
);

/** The account as a person would describe it: who is in, with which key, since when; and what was ever there. */
interface Model {
  readonly devices: Map<number, { key: number; addedAt: number }>;
  readonly ids: Set<number>;
  readonly keys: Set<number>;
}

/** What the rules of design say, told without signatures. */
function allows(
  { devices, ids, keys }: Model,
  { signer, what, subject, key, possession }: Attempt,
  at: number,
): boolean {
  const by = devices.get(signer);
  if (!by) return false;
  // An entry written again as it is changes nothing: a version that one device may sign.
  const entry = what === 'add' ? devices.get(subject) : what === 'replace' ? by : undefined;
  if (entry?.key === key && entry.addedAt === at) return !possession;
  if (what === 'add') return possession && !ids.has(subject) && !keys.has(key) && devices.size < 10;
  if (what === 'leave') return devices.size > 1;
  if (what === 'replace') return possession && !keys.has(key);
  const gone = devices.get(subject);
  return gone !== undefined && subject !== signer && (gone.addedAt >= by.addedAt || at - by.addedAt >= 7 * DAY);
}

function apply(model: Model, { signer, what, subject, key }: Attempt, at: number): void {
  if (what === 'remove') model.devices.delete(subject);
  else if (what === 'leave') model.devices.delete(signer);
  else {
    const who = what === 'add' ? subject : signer;
    model.devices.set(who, { key, addedAt: at });
    model.ids.add(who);
    model.keys.add(key);
  }
}

/** The same attempt as a signed manifest; null when there is nothing to write (removing who is not there). */
function written(
  head: Head,
  model: Model,
  { signer, what, subject, key, possession }: Attempt,
  at: number,
): SignedManifest | null {
  const of = (id: number, k = model.devices.get(id)?.key ?? id): ToyKey => toy(k, 1000 + id);
  const devices = head.manifest.devices;
  const without = (id: number) => devices.filter((device) => device.id !== of(id).id);
  const fresh = (id: number) => ({ id: of(id).id, key: of(id, key).key, addedAt: at });
  const proof = (id: number) => (possession ? [of(id, key)] : []);
  if (what === 'add') {
    return sign(successor(head, at, { devices: [...without(subject), fresh(subject)] }), of(signer), ...proof(subject));
  }
  if (what === 'replace') {
    return sign(successor(head, at, { devices: [...without(signer), fresh(signer)] }), of(signer), ...proof(signer));
  }
  const gone = what === 'leave' ? signer : subject;
  return without(gone).length === devices.length
    ? null
    : sign(successor(head, at, { devices: without(gone) }), of(signer));
}

interface Run {
  readonly versions: SignedManifest[];
  readonly heads: Head[];
}

function play(list: readonly Attempt[], judge: (expected: boolean, got: object | string) => void): Run {
  const model: Model = { devices: new Map([[0, { key: 0, addedAt: T0 }]]), ids: new Set([0]), keys: new Set([0]) };
  const first = toy(0, 1000);
  const versions = [sign(genesisOf(first, T0, PLAIN), first)];
  const heads = [born(first, T0)];
  let at = T0;
  for (const one of list) {
    at += one.wait * DAY;
    const jws = written(heads.at(-1)!, model, one, at);
    if (!jws) continue;
    const got = grow(heads.at(-1)!, jws);
    judge(allows(model, one, at), got);
    if (typeof got === 'string') continue;
    apply(model, one, at);
    versions.push(jws);
    heads.push(got.head);
  }
  return { versions, heads };
}

describe('random chains', () => {
  it('accept exactly what the model of the rules allows', () => {
    let accepted = 0;
    let refused = 0;
    fc.assert(
      fc.property(attempts, (list) => {
        play(list, (expected, got) => {
          expect(typeof got === 'object').toBe(expected);
          if (expected) accepted++;
          else refused++;
        });
      }),
      { numRuns: 800 },
    );
    expect(Math.min(accepted, refused)).toBeGreaterThan(100);
  });

  it('lead to the same head from genesis and from any head on the way', () => {
    fc.assert(
      fc.property(attempts, fc.nat(), (list, cut) => {
        const { versions, heads } = play(list, () => {});
        const from = cut % heads.length;
        const plan = extend(
          heads[0]!.account,
          heads[from]!,
          versions.slice(from).map(parsed),
          replayAt(T0 + 1000 * DAY),
        );
        if (!plan.ok) throw new Error(plan.reason);
        const steps = plan.conclude(toyHolds);
        expect(steps.ok && (steps.value.at(-1)?.head ?? heads[from])).toEqual(heads.at(-1));
      }),
      { numRuns: 100 },
    );
  });

  it('never hold an id or key that left, and time and versions only go forward', () => {
    fc.assert(
      fc.property(attempts, (list) => {
        const { heads } = play(list, () => {});
        for (const [i, head] of heads.entries()) {
          const { ids, keys } = head.retired;
          expect(head.manifest.devices.some((device) => ids.includes(device.id) || keys.includes(device.key))).toBe(
            false,
          );
          expect(head.manifest.issuedAt).toBeGreaterThanOrEqual(heads[Math.max(i - 1, 0)]!.manifest.issuedAt);
          expect(head.version).toBe(i + 1);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('do not survive a changed byte anywhere, and a changed byte is a typed refusal', () => {
    const A = toy(1);
    const B = toy(2);
    const head = born(A, T0);
    const good = sign(
      successor(head, T0 + DAY, { devices: [...head.manifest.devices, { id: B.id, key: B.key, addedAt: T0 + DAY }] }),
      A,
      B,
    );
    const flip = (text: string, at: number, bit: number): string => {
      const bytes = fromBase64url(text)!;
      bytes[at % bytes.length]! ^= 1 << bit;
      return base64url(bytes);
    };
    fc.assert(
      fc.property(fc.nat(), fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 4 }), (at, bit, where) => {
        const [first, second] = good.signatures;
        const [a, b] = [{ ...first! }, { ...second! }];
        const payload = where === 0 ? flip(good.payload, at, bit) : good.payload;
        if (where === 1) a.protected = flip(a.protected, at, bit);
        if (where === 2) b.protected = flip(b.protected, at, bit);
        if (where === 3) a.signature = flip(a.signature, at, bit);
        if (where === 4) b.signature = flip(b.signature, at, bit);
        expect(grow(head, { payload, signatures: [a, b] })).toBeTypeOf('string');
      }),
      { numRuns: 2000 },
    );
  });

  it('are read from anything without an exception', () => {
    fc.assert(
      fc.property(fc.anything(), fc.string(), (raw, text) => {
        expect(parseManifest(raw).ok).toBe(false);
        const payload = base64url(new TextEncoder().encode(text));
        expect(parseManifest({ payload, signatures: [{ protected: payload, signature: 'A'.repeat(86) }] }).ok).toBe(
          false,
        );
      }),
    );
  });
});
