import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPublic } from '../../src/attestation/tpm/public.ts';
import { readSignature, verifyTpmSignature } from '../../src/attestation/tpm/signature.ts';
import { HANDLE } from '../../src/sdk/tpm/command.ts';
import { findEndorsement } from '../../src/sdk/tpm/endorsement.ts';
import { TpmIdentity } from '../../src/sdk/tpm/identity.ts';
import { IDENTITY_KEY, STORAGE_ROOT } from '../../src/sdk/tpm/templates.ts';
import { spkiOf } from '../../src/attestation/tpm/spki.ts';
import { endorsementKeyOf, makeFactory, provision, template } from '../attestation/support/tpm-factory.ts';
import type { SoftwareTpm } from '../support/swtpm.ts';
import { startSwtpm, swtpmInstalled, writeNv } from '../support/swtpm.ts';

describe.skipIf(!swtpmInstalled)('the TPM client', () => {
  let machine: SoftwareTpm;

  beforeAll(async () => {
    machine = await startSwtpm();
  });
  afterAll(() => machine.stop());

  it('gets random bytes, others each time', async () => {
    const [a, b] = [await machine.tpm.random(20), await machine.tpm.random(20)];
    expect(a.length).toBe(20);
    expect(a).not.toEqual(b);
  });

  it('makes the same primary key again, in this TPM only', async () => {
    const make = async ({ tpm }: SoftwareTpm): Promise<Uint8Array> => {
      const { handle, public: area } = await tpm.createPrimary('owner', STORAGE_ROOT);
      await tpm.flush(handle);
      return area;
    };
    const other = await startSwtpm();
    expect(await make(machine)).toEqual(await make(machine));
    expect(await make(other)).not.toEqual(await make(machine));
    await other.stop();
  });

  it('keeps a key at a persistent handle across restarts, until it is evicted', async () => {
    const { tpm } = machine;
    const root = await tpm.createPrimary('owner', STORAGE_ROOT);
    const key = await tpm.load(root.handle, await tpm.create(root.handle, IDENTITY_KEY));
    await tpm.persist(key.handle, 0x81000010);
    await machine.restart();
    expect(await tpm.readPublic(0x81000010)).toEqual(key.public);
    const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new Uint8Array(9)));
    const signature = readSignature(await tpm.sign(0x81000010, digest))!;
    expect(await verifyTpmSignature(signature, readPublic(key.public)!, new Uint8Array(9))).toEqual({ ok: true });
    await tpm.evict(0x81000010);
    expect(await tpm.readPublic(0x81000010)).toBeNull();
  });

  it('reads NV in pieces, and null where nothing was defined', async () => {
    const content = crypto.getRandomValues(new Uint8Array(1300));
    await writeNv(machine.driver, 0x01c10000, content);
    expect(await machine.tpm.readNv(0x01c10000)).toEqual(content);
    expect(await machine.tpm.readNv(0x01c10001)).toBeNull();
  });

  it('reads more registers than one answer holds', async () => {
    const indices = Array.from({ length: 24 }, (_, i) => i);
    const values = await machine.tpm.readPcrs('sha256', indices);
    expect([...values.keys()].sort((a, b) => a - b)).toEqual(indices);
    expect([...values.values()].every((value) => value.length === 32)).toBe(true);
  });

  it('refuses to use one hierarchy handle as an object, by the TPM’s own word', async () => {
    await expect(machine.tpm.flush(HANDLE.owner)).rejects.toThrow('TPM2_FlushContext failed');
  });

  it('leaves no session behind when an activation fails', async () => {
    const fresh = await startSwtpm();
    await provision(fresh, await makeFactory(), template('L-2'));
    const identity = await TpmIdentity.create(fresh.tpm);
    await identity.activationRequest();
    const wrong = { credentialBlob: 'AAQAAAAA', encryptedSecret: 'AAQAAAAA' };
    for (let i = 0; i < 5; i++) {
      await expect(identity.activate(wrong)).rejects.toThrow('TPM2_ActivateCredential failed');
    }
    await fresh.stop();
  });

  it('passes over a certificate of another key, and finds the next endorsement key', async () => {
    const fresh = await startSwtpm();
    const factory = await makeFactory();
    expect(await findEndorsement(fresh.tpm)).toBeNull();
    const other = readPublic(await endorsementKeyOf(machine, template('L-2')))!;
    const [wrong] = await factory.certify(spkiOf(other.key), false);
    await writeNv(fresh.driver, template('L-2').certificateIndex, wrong!);
    expect(await findEndorsement(fresh.tpm)).toBeNull();
    await provision(fresh, factory, template('H-3'));
    const found = await findEndorsement(fresh.tpm);
    expect(found?.template.name).toBe('H-3');
    expect(found?.certificates.length).toBe(2);
    await fresh.stop();
  });

  it('queues commands that are sent at once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => machine.tpm.random(i + 1)));
    expect(answers.map((answer) => answer.length)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});
