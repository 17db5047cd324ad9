import { concat } from '../bytes/join.ts';
import type { MacKey } from './services.ts';

/** Stored evidence: version, nonce[12], AES-256-GCM under the evidence key. It names hardware, so nobody reads it by accident. */
export async function sealEvidence(
  { secret }: MacKey,
  evidence: Uint8Array<ArrayBuffer>,
  nonce: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const key = await crypto.subtle.importKey('raw', secret.slice(), 'AES-GCM', false, ['encrypt']);
  const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: nonce }, key, evidence);
  return concat(Uint8Array.of(1), nonce, new Uint8Array(sealed));
}
