import * as v from 'valibot';
import * as api from '../api.ts';
import { gives, json, type Operation } from './operation.ts';

const TokenRequest = v.object({
  grant_type: v.literal('client_credentials'),
  client_assertion_type: v.literal('urn:ietf:params:oauth:client-assertion-type:jwt-bearer'),
  /** RFC 7523, by the identity key, with the certificate chain in `x5c`. */
  client_assertion: v.string(),
});

/** From a key to a certificate, its renewal, and tokens. */
export const ENROLLMENT: readonly Operation[] = [
  {
    method: 'POST',
    path: '/v1/enrollments/challenges',
    id: 'challenge',
    summary: 'A single-use challenge for evidence, and the id of the device to be',
    who: 'anyone',
    takes: json(api.ChallengeRequest),
    gives: gives(api.Challenge, 201),
    problems: ['too-many-requests'],
  },
  {
    method: 'POST',
    path: '/v1/enrollments/activations',
    id: 'activate',
    summary: 'A TPM shows that its attestation key lives with its endorsement key (TPM2_ActivateCredential)',
    who: 'anyone',
    takes: json(api.ActivationRequest),
    gives: gives(api.Activation),
    problems: ['attestation-refused', 'too-many-requests'],
  },
  {
    method: 'POST',
    path: '/v1/enrollments',
    id: 'enroll',
    summary: 'Evidence, manifest and certificate request for an identity certificate',
    who: 'anyone',
    takes: json(api.EnrollmentRequest),
    gives: gives(api.Enrollment, 201),
    problems: ['attestation-refused', 'forbidden', 'conflict', 'refused', 'unavailable', 'too-many-requests'],
  },
  {
    method: 'POST',
    path: '/v1/renewals/challenges',
    id: 'renewalChallenge',
    summary: 'A single-use challenge for the renewal of one device’s certificate',
    who: 'anyone',
    takes: json(api.RenewalChallengeRequest),
    gives: gives(api.RenewalChallenge, 201),
    problems: ['too-many-requests'],
  },
  {
    method: 'POST',
    path: '/v1/renewals',
    id: 'renew',
    summary: 'The same key under a new certificate; the certification request proves who asks',
    who: 'anyone',
    takes: json(api.RenewalRequest),
    gives: gives(api.Renewal, 201),
    problems: ['refused', 'forbidden', 'unavailable', 'too-many-requests'],
  },
  {
    method: 'POST',
    path: '/v1/token',
    id: 'token',
    summary: 'A client assertion by the certified key for a token bound to it (RFC 7523, RFC 9449)',
    who: 'client',
    takes: { type: 'application/x-www-form-urlencoded', schema: TokenRequest },
    gives: gives(api.TokenReply),
    problems: ['unavailable', 'too-many-requests'],
  },
];
