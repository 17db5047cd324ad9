import { describe, expect, it } from 'vitest';
import { linked, linkedInput } from '../../src/attestation/formats/linked.ts';
import type { Voucher } from '../../src/attestation/format.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import * as device from './support/authenticator.ts';
import * as ca from './support/ca.ts';

const key = await ca.makeKey();
const voucher: Voucher = { deviceId: 'd1', identityKey: key.spki, attestedKeyHardware: 'secure-enclave' };

async function signed(transcript: Uint8Array, signer = key) {
  const raw = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, signer.privateKey, linkedInput(transcript));
  return { format: linked.id, voucher: 'd1', signature: base64url(new Uint8Array(raw)) };
}

async function judge(
  evidence: { format: string; voucher: string; signature: string },
  change: object = {},
  policy = policies.consumer,
) {
  const verdict = await verifyEvidence(evidence, { ...device.expected, voucher, ...change }, device.trust, policy);
  return verdict.reason ?? verdict.assurance;
}

describe('a linked device', () => {
  it('stands on the hardware of the device that vouches, and proves none of its own', async () => {
    expect(await judge(await signed(device.CHALLENGE))).toEqual({
      attestedKeyHardware: 'secure-enclave',
      identityKeyHardware: 'unproven',
      freshness: 'challenge',
    });
  });

  it('needs a voucher, its signature, and this very transcript', async () => {
    const good = await signed(device.CHALLENGE);
    expect(await judge(good, { voucher: undefined })).toBe('no-attestation');
    expect(await judge({ ...good, voucher: 'd2' })).toBe('no-attestation');
    expect(await judge(await signed(device.CHALLENGE, await ca.makeKey()))).toBe('signature-invalid');
    expect(await judge(await signed(new Uint8Array(32)))).toBe('signature-invalid');
    expect(await judge({ ...good, signature: good.signature.slice(4) })).toBe('signature-invalid');
    expect(await judge({ ...good, signature: `${good.signature}=` })).toBe('malformed');
  });

  it('cannot stand on a software key', async () => {
    const soft = { voucher: { ...voucher, attestedKeyHardware: 'software' } };
    expect(await judge(await signed(device.CHALLENGE), soft)).toBe('assurance');
  });

  it.each(['standard', 'strict'] as const)('is refused by %s', async (name) => {
    expect(await judge(await signed(device.CHALLENGE), {}, policies[name])).toBe('format-refused');
  });
});
