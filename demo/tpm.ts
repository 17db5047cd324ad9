import { spawnSync } from 'node:child_process';
import { base64url } from '../src/bytes/base64url.ts';
import { makeFactory, provision, template } from '../test/attestation/support/tpm-factory.ts';
import { type SoftwareTpm, startSwtpm } from '../test/support/swtpm.ts';

/** A TPM of this machine's own, its endorsement key certified by a maker that the demonstration invents. */
export interface DemoTpm {
  readonly machine: SoftwareTpm;
  /** The maker's root, DER, base64url: the deployment is told to trust it as a virtual TPM's. */
  readonly anchor: string;
}

export function swtpmFound(): boolean {
  return spawnSync('swtpm', ['--version'], { stdio: 'ignore' }).status === 0;
}

export async function startTpm(): Promise<DemoTpm> {
  const machine = await startSwtpm();
  const factory = await makeFactory();
  await provision(machine, factory, template('L-2'));
  return { machine, anchor: base64url(factory.anchor.certificate.der) };
}
