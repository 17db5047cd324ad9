/** Chains of certificates made at run time, each described from the top down; one detail changed makes one failure. */
import { type Certificate, readCertificate } from '../../../src/attestation/path/certificate.ts';
import type { Anchor } from '../../../src/attestation/trust/store.ts';
import * as ca from './ca.ts';
import { type Bytes, commonName } from './der.ts';

export interface Link extends Partial<Omit<ca.Request, 'spki'>> {
  readonly key?: ca.TestKey;
  readonly spki?: Uint8Array;
}

export interface Chain {
  /** Leaf first, root last. */
  readonly certificates: readonly Certificate[];
  readonly ders: readonly Bytes[];
  readonly keys: readonly ca.TestKey[];
}

/** Issues `links` from the root down; a link signs with its parent's key and carries its parent's name unless it says otherwise. */
export async function makeChain(links: readonly Link[]): Promise<Chain> {
  const made: { der: Bytes; key: ca.TestKey; subject: Uint8Array }[] = [];
  for (const [i, link] of links.entries()) {
    const parent = made[i - 1];
    const key = link.key ?? (await ca.makeKey());
    const subject = link.subject ?? commonName(`TEST ${i}`);
    const request = { issuer: parent?.subject ?? subject, signer: parent?.key ?? key, spki: key.spki, serial: 100 + i };
    const der = await ca.issue({ ...request, ...link, subject });
    made.push({ der, key, subject });
  }
  made.reverse();
  const ders = made.map((one) => one.der);
  const certificates = ders.map((der) => readCertificate(der));
  if (certificates.includes(null)) throw new Error('a certificate of this chain is unreadable');
  return { certificates: certificates as readonly Certificate[], ders, keys: made.map((one) => one.key) };
}

export function makeAnchor(certificate: Certificate, change: Partial<Anchor> = {}): Anchor {
  return {
    id: 'TEST-ANCHOR',
    certificate,
    class: 'hardware',
    formats: ['packed', 'tpm', 'android-key', 'apple', 'android-keystore', 'app-attest', 'tpm2'],
    vendor: 'TEST',
    aaguids: [],
    source: 'made at run time',
    ...change,
  };
}
