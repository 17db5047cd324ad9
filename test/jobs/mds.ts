import type { TrustStore } from '../../src/attestation/trust/store.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import * as ca from '../attestation/support/ca.ts';
import { makeAnchor, makeChain } from '../attestation/support/chain.ts';
import * as der from '../attestation/support/der.ts';

/** A metadata service of the test's own: its root as a trust store, and what it signs. */
export async function metadataService(now = ca.TEST_NOW) {
  const key = await ca.makeKey();
  const chain = await makeChain([
    { extensions: [ca.basicConstraints(true), ca.keyUsage(0x04)] },
    {
      key,
      subject: der.commonName('mds.fidoalliance.org'),
      extensions: [ca.basicConstraints(false)],
      notAfter: now + 1e9,
    },
  ]);
  const anchors = [makeAnchor(chain.certificates[1]!, { id: 'TEST-MDS', class: 'metadata', formats: [] })];
  const trust: TrustStore = { anchors, intermediates: [], metadata: null, androidStatus: null };
  const x5c = chain.ders.slice(0, 1).map((bytes) => Buffer.from(bytes).toString('base64'));
  const text = (value: unknown) => base64url(utf8(JSON.stringify(value)));
  async function sign(no: number, entries: readonly object[]): Promise<Uint8Array<ArrayBuffer>> {
    const signed = `${text({ alg: 'ES256', typ: 'JWT', x5c })}.${text({ no, nextUpdate: '2026-12-24', entries })}`;
    const raw = await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, key.privateKey, utf8(signed));
    return utf8(`${signed}.${base64url(new Uint8Array(raw))}`);
  }
  return { trust, sign, root: chain.ders[1]! };
}

export const statusList = (entries: Readonly<Record<string, object>>) => utf8(JSON.stringify({ entries }));
