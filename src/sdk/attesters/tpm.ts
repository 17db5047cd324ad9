import { Activation } from '../../protocol/api.ts';
import type { Attester } from '../enroll.ts';
import { CallsignError } from '../errors.ts';
import type { TpmIdentity } from '../tpm/identity.ts';

/** A TPM 2.0: the identity key never leaves it, and its attestation key signs the transcript. */
export function tpmAttester(identity: TpmIdentity): Attester {
  return {
    format: 'tpm2',
    identityKey: async () => identity,
    async attest(transcript, { api, token, signal }) {
      const request = await identity.activationRequest();
      if (!request) throw new CallsignError('local', 'tpm-without-endorsement-certificate');
      const challenge = await api.ask(Activation, {
        method: 'POST',
        path: '/v1/enrollments/activations',
        body: { token, ...request },
        signal,
      });
      const activated = await identity.activate(challenge);
      return { ...(await identity.attest(request, activated, transcript)) };
    },
    show: (transcript) => identity.certify(transcript),
    silent: true,
  };
}
