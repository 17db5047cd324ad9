import { describe, expect, it } from 'vitest';
import { base64url } from '../bytes/base64url.ts';
import { openActivation, sealActivation } from './activation.ts';

const bytes = (fill: number): Uint8Array => new Uint8Array(32).fill(fill);
const [current, retired] = [1, 2].map((n) => ({ kid: `k${n}`, secret: bytes(n) }));
const state = {
  nonce: base64url(bytes(7)),
  endorsementKey: base64url(bytes(8)),
  attestationKey: base64url(bytes(9)),
  proof: base64url(bytes(10)),
};

describe('an activation between its two steps', () => {
  const sealed = sealActivation(current!, state);

  it('comes back while its key lives, for its own challenge', () => {
    expect(openActivation([current!], sealed, bytes(7))).toEqual(state);
    expect(openActivation([retired!, current!], sealed, bytes(7))).toEqual(state);
  });

  it('is nothing for another challenge, another key, a changed byte or no text', () => {
    expect(openActivation([current!], sealed, bytes(6))).toBeNull();
    expect(openActivation([retired!], sealed, bytes(7))).toBeNull();
    expect(openActivation([{ ...retired!, kid: 'k1' }], sealed, bytes(7))).toBeNull();
    const [kid, body, seal] = sealed.split('.');
    const other = base64url(new TextEncoder().encode(JSON.stringify({ ...state, proof: base64url(bytes(11)) })));
    for (const spoilt of [`${kid}.${other}.${seal}`, `${kid}.${body}`, `${kid}.${body}.${seal}x`, '', undefined, 7]) {
      expect(openActivation([current!], spoilt, bytes(7))).toBeNull();
    }
  });
});
