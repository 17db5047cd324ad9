/** FIDO U2F attestation (WebAuthn L3 §8.6): roaming keys without an AAGUID, so their model is never proven. */
import { sha256 } from '@noble/hashes/sha2.js';
import { cborBytes, cborMap } from '../../bytes/cbor.ts';
import { hex } from '../../bytes/hex.ts';
import { concat } from '../../bytes/join.ts';
import type { Checklist } from '../checklist.ts';
import type { Certificate } from '../path/certificate.ts';
import { strict } from '../path/profiles/strict.ts';
import { judgeChain } from '../trust/chain.ts';
import { hasExactly, readX5c } from '../webauthn/fields.ts';
import { judgeSignature } from '../webauthn/signed.ts';
import type { StatementFormat } from '../webauthn/statement.ts';

interface U2fStatement {
  readonly signature: Uint8Array<ArrayBuffer>;
  readonly chain: readonly Certificate[];
}

const ES256 = -7;

export const fidoU2f: StatementFormat<U2fStatement> = {
  id: 'fido-u2f',

  // Step 1.
  read(statement) {
    const fields = cborMap(statement);
    const signature = cborBytes(fields?.get('sig'));
    const chain = readX5c(fields?.get('x5c'), repaired);
    if (fields === null || signature === null || chain === null || !hasExactly(fields, 'x5c', 'sig')) return null;
    return { signature, chain };
  },

  async verify({ signature, chain }, registration, judging, steps: Checklist) {
    const spec = (step: number) => `WebAuthn L3 §8.6 step ${step}`;
    const certificate = chain[0]!;

    // Step 2.
    steps.demand(chain.length === 1, 'fido-u2f.one-certificate', spec(2), 'malformed', `${chain.length} certificates`);
    steps.demand(
      certificate.key.kind === 'ec' && certificate.key.curve === 'P-256',
      'fido-u2f.certificate-key',
      spec(2),
      'signature-algorithm',
      'the attestation key is on P-256',
    );

    // Steps 3 and 4: 04 || x || y of the credential key; coordinates of other sizes were not read as a key.
    const { key, credential, header, clientDataHash } = registration;
    steps.demand(
      key.ok && key.algorithm === ES256,
      'fido-u2f.credential-key',
      spec(4),
      'signature-algorithm',
      'the credential key is an ES256 key',
    );
    const point = key.spki.subarray(-65);

    // Steps 5 and 6.
    const data = concat(new Uint8Array([0]), header.rpIdHash, clientDataHash, credential.credentialId, point);
    const signed = { algorithm: ES256, key: certificate.key, data, signature };
    await judgeSignature(signed, 'fido-u2f.signature', spec(6), steps);

    // Steps 7 and 8, and §7.1 steps 23 and 24.
    const anchor = await judgeChain({ format: 'fido-u2f', profile: strict, chain }, judging, steps);
    return { attestedKeyHardware: 'security-key', freshness: 'challenge', trustAnchor: anchor.id };
  },
};

/** SHA-256 of six certificates that Yubico shipped with wrong "unused bits" in their signature, as its own libraries list them. */
const WRONG_UNUSED_BITS: ReadonlySet<string> = new Set([
  '349bca1031f8c82c4ceca38b9cebf1a69df9fb3b94eed99eb3fb9aa3822d26e8',
  'dd574527df608e47ae45fbba75a2afdd5c20fd94a02419381813cd55a2a3398f',
  '1d8764f0f7cd1352df6150045c8f638e517270e8b5dda1c63ade9c2280240cae',
  'd0edc9a91a1677435a953390865d208c55b3183c6759c9b5a7ff494c322558eb',
  '6073c436dcd064a48127ddbf6032ac1a66fd59a0c24434f070d4e564c124c897',
  'ca993121846c464d666096d35f13bf44c1b05af205f9b4a1e00cf6cc10c5e511',
]);

/** The byte before the 256 of an RSA-2048 signature says how many bits are unused: none. */
function repaired(der: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  if (!WRONG_UNUSED_BITS.has(hex(sha256(der)))) return der;
  const copy = der.slice();
  copy[copy.length - 257] = 0;
  return copy;
}
