import * as v from 'valibot';
import { base64url } from '../../bytes/base64url.ts';
import type { CryptoProvider, SigningKey } from '../crypto/provider.ts';
import type { Attester } from '../enroll.ts';

const Attested = v.object({ evidence: v.record(v.string(), v.unknown()) });

/**
 * For machines without hardware: the deployment's own attester vouches, which only a development deployment has and
 * believes. `exportable` for stores that keep bytes only.
 */
export function developmentAttester(crypto: CryptoProvider, options: { exportable?: boolean } = {}): Attester {
  let key: Promise<SigningKey> | null = null;
  const attest: Attester['attest'] = async (transcript, { api, signal }) => {
    const { evidence } = await api.ask(Attested, {
      method: 'POST',
      path: '/v1/development/attestations',
      body: { transcript: base64url(transcript) },
      signal,
    });
    const { format: _format, ...fields } = evidence;
    return fields;
  };
  return {
    format: 'webauthn',
    identityKey: () => (key ??= crypto.generateSigningKey(options)),
    attest,
    show: attest,
    silent: true,
  };
}
