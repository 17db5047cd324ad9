import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Checklist, Refused } from '../../src/attestation/checklist.ts';
import { policies } from '../../src/attestation/policy/shipped.ts';
import type { HashName } from '../../src/attestation/tpm/algorithms.ts';
import { readPublic } from '../../src/attestation/tpm/public.ts';
import type { RecordedQuote } from '../../src/attestation/tpm/recorded.ts';
import { judgeRecordedQuote, judgeTpmCertificate } from '../../src/attestation/tpm/recorded.ts';
import { spkiOf } from '../../src/attestation/tpm/spki.ts';
import { ATTESTATION_KEY, STORAGE_ROOT } from '../../src/sdk/tpm/templates.ts';
import type { SoftwareTpm } from '../support/swtpm.ts';
import { startSwtpm, swtpmInstalled } from '../support/swtpm.ts';
import * as ca from './support/ca.ts';
import * as der from './support/der.ts';
import type { Factory } from './support/tpm-factory.ts';
import { makeFactory, tpmName } from './support/tpm-factory.ts';

describe.skipIf(!swtpmInstalled)('a quote by itself', () => {
  let machine: SoftwareTpm;
  let factory: Factory;
  let good: RecordedQuote;
  const bank: HashName = 'sha256';
  const nonce = new Uint8Array(20).fill(3);

  beforeAll(async () => {
    machine = await startSwtpm();
    factory = await makeFactory();
    const { tpm } = machine;
    const root = await tpm.createPrimary('owner', STORAGE_ROOT);
    const key = await tpm.load(root.handle, await tpm.create(root.handle, ATTESTATION_KEY));
    const quoted = await tpm.quote(key.handle, nonce, [{ bank, indices: [0, 1] }]);
    const values = await tpm.readPcrs(bank, [0, 1]);
    const pcrs = { [bank]: Object.fromEntries([...values].map(([index, value]) => [`${index}`, value])) };
    const certificates = await certificatesFor(spkiOf(readPublic(key.public)!.key));
    good = { ...quoted, nonce, signer: { public: key.public }, certificates, pcrs: pcrs as RecordedQuote['pcrs'] };
  });
  afterAll(() => machine.stop());

  /** Certificates of signing keys beside an endorsement key, as clouds issue them. */
  function certificatesFor(spki: Uint8Array): Promise<readonly Uint8Array[]> {
    const extensions = [ca.basicConstraints(false), ca.keyUsage(0x80), tpmName()];
    return factory.certify(spki, false, { extensions });
  }

  async function judge(change: Partial<RecordedQuote> = {}) {
    const judging = { now: ca.TEST_NOW, trust: factory.trust, policy: policies.standard };
    return outcome(judgeRecordedQuote({ ...good, ...change }, judging, new Checklist()));
  }

  async function outcome(running: Promise<unknown>): Promise<unknown> {
    try {
      return await running;
    } catch (error) {
      if (error instanceof Refused) return error.reason;
      throw error;
    }
  }

  it('is accepted with its certificate, and with none', async () => {
    expect(await judge()).toMatchObject({ id: 'TEST-TPM-ROOT' });
    expect(await judge({ certificates: [] })).toBeNull();
    const spki = spkiOf(readPublic((good.signer as { public: Uint8Array }).public)!.key);
    expect(await judge({ signer: { spki } })).toMatchObject({ id: 'TEST-TPM-ROOT' });
  });

  it('is refused for another nonce, other values or another signer', async () => {
    expect(await judge({ nonce: new Uint8Array(20) })).toBe('challenge-mismatch');
    const pcrs = { sha256: { '0': new Uint8Array(32), '1': new Uint8Array(32).fill(1) } };
    expect(await judge({ pcrs })).toBe('key-mismatch');
    const { spki } = await ca.makeKey();
    expect(await judge({ signer: { spki } })).toBe('signature-invalid');
    expect(await judge({ certificates: await certificatesFor(spki) })).toBe('key-mismatch');
  });

  it('calls an attribute certificate what it is: nobody here vouches for platforms', async () => {
    const info = der.seq(der.int(1), der.seq());
    const attribute = der.seq(info, der.seq(der.oid('1.2.840.10045.4.3.2')), der.bits(new Uint8Array(8)));
    const judging = { now: ca.TEST_NOW, trust: factory.trust, policy: policies.standard };
    expect(await outcome(judgeTpmCertificate([attribute], judging, new Checklist()))).toBe('untrusted-root');
    expect(await outcome(judgeTpmCertificate([new Uint8Array(9)], judging, new Checklist()))).toBe('malformed');
  });
});
