import { describe, expect, it } from 'vitest';
import { nobleCrypto } from './noble.ts';
import { groupCode, judgeSafetyQr, safetyNumber, safetyQr } from './safety.ts';

const crypto = nobleCrypto();
const fill = (byte: number) => new Uint8Array(32).fill(byte);
const alice = { account: fill(1), resets: 0, head: { version: 3, hash: fill(11) } };
const bob = { account: fill(2), resets: 1, head: { version: 7, hash: fill(12) } };

describe('the safety number', () => {
  it('is sixty digits, the same on both sides', async () => {
    expect(await safetyNumber(crypto, alice, bob)).toMatch(/^(\d{5} ){11}\d{5}$/);
    expect(await safetyNumber(crypto, alice, bob)).toBe(await safetyNumber(crypto, bob, alice));
  });

  it('changes with an account or a reset, and not with a device', async () => {
    const changed = [
      { ...bob, account: fill(3) },
      { ...bob, resets: 2 },
    ];
    const number = await safetyNumber(crypto, alice, bob);
    for (const other of changed) expect(await safetyNumber(crypto, alice, other)).not.toBe(number);
    expect(await safetyNumber(crypto, alice, { ...bob, resets: 0 })).not.toBe(
      await safetyNumber(crypto, { ...alice, resets: 1 }, bob),
    );
    const phone = { ...bob, head: { version: 8, hash: fill(13) } };
    expect(await safetyNumber(crypto, alice, phone)).toBe(await safetyNumber(crypto, alice, bob));
  });
});

describe('the scanned code', () => {
  const shown = safetyQr(bob, alice);

  it('agrees when both know the same', () => {
    expect(judgeSafetyQr(shown, alice, bob)).toEqual({ ok: true, theirHead: bob.head, ourHead: alice.head });
  });

  it('tells a fork of either chain from a newer head', () => {
    const forked = { ...bob, head: { version: 7, hash: fill(99) } };
    const older = { ...bob, head: { version: 6, hash: fill(98) } };
    expect(judgeSafetyQr(shown, alice, forked)).toEqual({ ok: false, reason: 'fork', alarm: true });
    const ghost = { ...alice, head: { version: 3, hash: fill(97) } };
    expect(judgeSafetyQr(shown, ghost, bob)).toEqual({ ok: false, reason: 'fork', alarm: true });
    expect(judgeSafetyQr(shown, alice, older).ok).toBe(true);
  });

  it('refuses other people, other resets, and what is no such code', () => {
    const carol = { ...bob, account: fill(3) };
    expect(judgeSafetyQr(safetyQr(carol, alice), alice, bob)).toMatchObject({ reason: 'different-account' });
    expect(judgeSafetyQr(safetyQr(bob, carol), alice, bob)).toMatchObject({ reason: 'different-account' });
    expect(judgeSafetyQr(shown, alice, { ...bob, resets: 2 })).toMatchObject({ reason: 'different-resets' });
    for (const bad of [new Uint8Array(), shown.slice(1), shown.map((byte, i) => (i === 0 ? 2 : byte))])
      expect(judgeSafetyQr(bad, alice, bob)).toMatchObject({ reason: 'malformed' });
  });
});

describe('the code of a group', () => {
  const members = [1, 2, 3].map((n) => ({ account: fill(n), spki: fill(n + 10) }));
  const callId = new Uint8Array(16).fill(5);

  it('does not depend on order, and does on every member, device and call', async () => {
    const code = await groupCode(crypto, callId, members);
    expect(await groupCode(crypto, callId, members.toReversed())).toBe(code);
    expect(await groupCode(crypto, callId, members.slice(1))).not.toBe(code);
    expect(await groupCode(crypto, callId, [...members.slice(1), { account: fill(1), spki: fill(99) }])).not.toBe(code);
    expect(await groupCode(crypto, new Uint8Array(16), members)).not.toBe(code);
  });
});
