import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { csr, keys, type Keys, settled, TRANSCRIPT } from '../../test/support/authority.ts';
import { found, run } from '../../test/support/program.ts';
import { concat } from '../bytes/join.ts';
import { derExplicit, derOctets, derOid, derSequence, derSet, derUnsigned, derUtf8 } from '../bytes/der-write.ts';
import { signedRequest } from '../identity/request.ts';
import { OID_TRANSCRIPT } from '../protocol/identity.ts';
import { readRequest } from './request.ts';

let device: Keys;
let other: Keys;
beforeAll(async () => {
  [device, other] = [await keys(), await keys()];
});

const attribute = (oid: string, ...values: Uint8Array[]) => derSequence(derOid(oid), derSet(...values));
const TRANSCRIBED = () => attribute(OID_TRANSCRIPT, derOctets(TRANSCRIPT));
const NAME = derSequence(derSet(derSequence(derOid('2.5.4.3'), derUtf8('me'))));

/** A request put together by hand, signed by `signer`. */
async function made(
  signer: Keys,
  attributes: Uint8Array[],
  subject = derSequence(),
  key = device.spki,
): Promise<Uint8Array> {
  const body = derSequence(derUnsigned(new Uint8Array([0])), subject, key, derExplicit(0, concat(...attributes)));
  return signedRequest(body, await signer.sign(body));
}
const read = (der: Uint8Array) => settled(readRequest(der, { key: device.spki, transcript: TRANSCRIPT }));

describe('a certification request', () => {
  it('contributes its key', async () => expect(await read(await csr(device))).toEqual({ key: device.spki }));

  it.each<[string, string, () => Promise<Uint8Array>]>([
    ['csr-key', 'another key', () => csr(other)],
    ['csr-signature', 'a key that did not sign', () => made(other, [TRANSCRIBED()])],
    ['csr-transcript', 'another transcript', () => csr(device, new Uint8Array(32))],
    ['csr-transcript', 'no transcript', () => made(device, [])],
    [
      'csr-transcript',
      'a transcript that is no octet string',
      () => made(device, [attribute(OID_TRANSCRIPT, derUtf8('x'))]),
    ],
    [
      'csr-transcript',
      'an attribute more',
      () => made(device, [TRANSCRIBED(), attribute('1.2.840.113549.1.9.7', derUtf8('pw'))]),
    ],
    ['csr-malformed', 'two transcripts', () => made(device, [TRANSCRIBED(), TRANSCRIBED()])],
    [
      'csr-malformed',
      'two values',
      () => made(device, [attribute(OID_TRANSCRIPT, derOctets(TRANSCRIPT), derOctets(TRANSCRIPT))]),
    ],
    ['csr-asks-for-name', 'a subject', () => made(device, [TRANSCRIBED()], NAME)],
    [
      'csr-asks-for-extensions',
      'an extension request',
      () => made(device, [TRANSCRIBED(), attribute('1.2.840.113549.1.9.14', derSequence())]),
    ],
  ])('is refused: %s (%s)', async (reason, _what, der) => {
    await expect(read(await der())).rejects.toThrow(reason);
  });

  it('is refused whatever byte of it changes, and never throws otherwise', async () => {
    const good = await csr(device);
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, change) => {
        const bad = good.slice();
        bad[at]! ^= change;
        await expect(read(bad)).rejects.toThrow(/^csr-/);
      }),
      { numRuns: 300 },
    );
  });

  it.skipIf(!found('openssl', 'openssl', 'openssl reads our certification request'))(
    'is one for openssl too',
    async () => {
      const pem = `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(await csr(device)).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
      const { output } = run('openssl', ['req', '-verify', '-noout', '-text'], pem);
      expect(output).toContain('verify OK');
      expect(output).toContain('2.25.1823119887.3');
    },
  );
});
