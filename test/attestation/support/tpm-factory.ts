/** A maker of TPMs for tests: roots made at run time, endorsement certificates for software TPMs, one detail changed at will. */
import { readPublic } from '../../../src/attestation/tpm/public.ts';
import { spkiOf } from '../../../src/attestation/tpm/spki.ts';
import type { EkTemplate } from '../../../src/attestation/tpm/templates.ts';
import { EK_TEMPLATES } from '../../../src/attestation/tpm/templates.ts';
import type { Anchor, TrustStore } from '../../../src/attestation/trust/store.ts';
import type { SoftwareTpm } from '../../support/swtpm.ts';
import { writeNv } from '../../support/swtpm.ts';
import * as ca from './ca.ts';
import type { Chain, Link } from './chain.ts';
import { makeAnchor, makeChain } from './chain.ts';
import * as der from './der.ts';

/** Infineon's vendor id: tests need a maker of discrete TPMs. */
export const DISCRETE_VENDOR = 'id:49465800';

/** Servers of tests judge by the machine's clock. */
const LONG = Date.UTC(2046, 0);

const id = (n: number): Uint8Array => new Uint8Array([n, n, n, n]);

export function tpmName(manufacturer = DISCRETE_VENDOR): der.Bytes {
  const attributes = [
    ['2.23.133.2.1', manufacturer],
    ['2.23.133.2.2', 'TEST TPM'],
    ['2.23.133.2.3', 'id:00010002'],
  ] as const;
  return ca.extension('2.5.29.17', true, der.seq(der.context(4, der.name(...attributes))));
}

export interface Factory {
  readonly trust: TrustStore;
  readonly anchor: Anchor;
  /** Endorsement certificate for a key, and its intermediate; DER, leaf first. */
  certify(spki: Uint8Array, rsa: boolean, change?: Partial<Link>): Promise<readonly Uint8Array[]>;
}

/** A root and one intermediate. The names and keys stay; `change` alters the anchor as the trust store has it. */
export async function makeFactory(change: Partial<Anchor> = {}): Promise<Factory> {
  const [rootKey, issuerKey] = [await ca.makeKey('P-384'), await ca.makeKey()];
  const sign = [ca.basicConstraints(true), ca.keyUsage(0x04)];
  const root: Link = { key: rootKey, notAfter: LONG, extensions: [...sign, ca.subjectKeyId(id(1))] };
  const issuer: Link = {
    key: issuerKey,
    notAfter: LONG,
    extensions: [...sign, ca.subjectKeyId(id(2)), ca.authorityKeyId(id(1))],
  };
  const { certificates } = await makeChain([root, issuer]);
  const anchor = makeAnchor(certificates[1]!, { id: 'TEST-TPM-ROOT', ...change });

  const certify = async (spki: Uint8Array, rsa: boolean, leaf: Partial<Link> = {}): Promise<readonly Uint8Array[]> => {
    const extensions = [
      ca.basicConstraints(false),
      ca.keyUsage(rsa ? 0x20 : 0x08),
      ca.authorityKeyId(id(2)),
      ca.extendedKeyUsage('2.23.133.8.1'),
      tpmName(),
    ];
    const chain: Chain = await makeChain([
      root,
      issuer,
      { subject: der.seq(), spki, extensions, notAfter: LONG, ...leaf },
    ]);
    return chain.ders.slice(0, 2);
  };
  const trust = { anchors: [anchor], intermediates: [], metadata: null, androidStatus: null };
  return { trust, anchor, certify };
}

export function template(name: string): EkTemplate {
  return EK_TEMPLATES.find((candidate) => candidate.name === name)!;
}

/** The endorsement key that this TPM makes from a template. */
export async function endorsementKeyOf({ tpm }: SoftwareTpm, { area }: EkTemplate): Promise<Uint8Array> {
  const key = await tpm.createPrimary('endorsement', area);
  await tpm.flush(key.handle);
  return key.public;
}

/** What a maker does before a TPM leaves the factory: certifies its endorsement key and leaves the certificate in it. */
export async function provision(machine: SoftwareTpm, factory: Factory, used: EkTemplate): Promise<void> {
  const { key } = readPublic(await endorsementKeyOf(machine, used))!;
  const [certificate, intermediate] = await factory.certify(spkiOf(key), key.type === 'rsa');
  await writeNv(machine.driver, used.certificateIndex, certificate!);
  await writeNv(machine.driver, 0x01c00100, intermediate!);
}
