import { describe, expect, it } from 'vitest';
import { accountIdOf, deviceIdOf } from './account.ts';
import { checkCapability, mintCapability } from './capability.ts';

const party = (n: number) => ({
  account: accountIdOf(new Uint8Array(32).fill(n)),
  device: deviceIdOf(new Uint8Array(16).fill(n)),
});
const key = { kid: 7, secret: new Uint8Array(32).fill(9) };
const scope = { caller: party(1), callee: party(2), purpose: 'call', epoch: 3 };
const text = mintCapability(key, { ...scope, expiresAt: 2_000 });

describe('a capability', () => {
  it('holds for the caller, callee, purpose and epoch it was made for, until it expires', () => {
    expect(checkCapability([key], text, scope, 1_999)).toEqual({ ok: true, expiresAt: 2_000 });
    expect(checkCapability([{ kid: 8, secret: new Uint8Array(32) }, key], text, scope, 0).ok).toBe(true);
    expect(checkCapability([key], text, scope, 2_000)).toEqual({ ok: false, reason: 'expired' });
  });

  it.each([
    ['another caller device', { ...scope, caller: { ...scope.caller, device: party(3).device } }],
    ['another caller account', { ...scope, caller: { ...scope.caller, account: party(3).account } }],
    ['another callee device', { ...scope, callee: { ...scope.callee, device: party(3).device } }],
    ['another callee account', { ...scope, callee: { ...scope.callee, account: party(3).account } }],
    ['another purpose', { ...scope, purpose: 'calls' }],
    ['caller and callee exchanged', { ...scope, caller: scope.callee, callee: scope.caller }],
  ])('is forged for %s', (_, other) => {
    expect(checkCapability([key], text, other, 0)).toEqual({ ok: false, reason: 'forged' });
  });

  it('is stale once the callable set has changed', () => {
    expect(checkCapability([key], text, { ...scope, epoch: 4 }, 0)).toEqual({ ok: false, reason: 'stale' });
  });

  it('is refused with any one character changed, cut or added, and under another key', () => {
    for (let i = 0; i < text.length; i++) {
      const changed = `${text.slice(0, i)}${text[i] === 'A' ? 'B' : 'A'}${text.slice(i + 1)}`;
      expect(checkCapability([key], changed, scope, 0).ok).toBe(false);
    }
    for (const other of [text.slice(1), `${text}A`, '', 'é'.repeat(66)])
      expect(checkCapability([key], other, scope, 0)).toEqual({ ok: false, reason: 'malformed' });
    expect(checkCapability([{ kid: 7, secret: new Uint8Array(32) }], text, scope, 0)).toEqual({
      ok: false,
      reason: 'forged',
    });
    expect(checkCapability([{ ...key, kid: 6 }], text, scope, 0)).toEqual({ ok: false, reason: 'unknown-key' });
  });
});
