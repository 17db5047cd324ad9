import * as v from 'valibot';
import * as api from '../api.ts';
import { KeySet } from '../handle.ts';
import { file, gives, type Operation } from './operation.ts';

const Status = v.object({ status: v.string() });

/** Whether it lives, what it is, and its certificates. */
export const SERVICE: readonly Operation[] = [
  {
    method: 'GET',
    path: '/healthz',
    id: 'alive',
    summary: 'The process answers',
    who: 'anyone',
    gives: gives(Status),
    problems: [],
  },
  {
    method: 'GET',
    path: '/readyz',
    id: 'ready',
    summary: 'Everything it stands on answers too',
    who: 'anyone',
    gives: gives(Status),
    problems: ['unavailable'],
  },
  {
    method: 'GET',
    path: '/openapi.json',
    id: 'describe',
    summary: 'This document',
    who: 'anyone',
    gives: gives(v.looseObject({ openapi: v.string() })),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/deployment',
    id: 'deployment',
    summary: 'What a client’s configuration is compared with; trusted because it came with the client, not from here',
    who: 'anyone',
    gives: gives(api.Deployment),
    problems: [],
  },
  {
    method: 'GET',
    path: '/.well-known/oauth-authorization-server',
    id: 'authorizationServer',
    summary: 'Where tokens come from, for OAuth libraries (RFC 8414)',
    who: 'anyone',
    gives: gives(api.AuthorizationServer),
    problems: [],
  },
  {
    method: 'GET',
    path: '/.well-known/jwks.json',
    id: 'keySet',
    summary: 'Public keys of handle assertions and access tokens',
    who: 'anyone',
    gives: gives(KeySet),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/pki/ca',
    id: 'certificateChain',
    summary: 'Issuing certificate and root',
    who: 'anyone',
    gives: file('application/pem-certificate-chain'),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/pki/issuing.cer',
    id: 'issuingCertificate',
    summary: 'The certificate of the CA that issues today',
    who: 'anyone',
    gives: file('application/pkix-cert'),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/pki/issuing/{issuer}',
    id: 'issuingCertificateOf',
    summary: 'An issuing certificate by key identifier, where certificates point to (RFC 5280 §4.2.2.1)',
    who: 'anyone',
    gives: file('application/pkix-cert'),
    problems: ['not-found'],
  },
  {
    method: 'GET',
    path: '/v1/pki/crl',
    id: 'revocationList',
    summary: 'The revocation list of the CA that issues today',
    who: 'anyone',
    gives: file('application/pkix-crl'),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/pki/crl/{issuer}',
    id: 'revocationListOf',
    summary:
      'The revocation list of an issuing CA by key identifier, where its certificates point to (RFC 5280 §4.2.1.13)',
    who: 'anyone',
    gives: file('application/pkix-crl'),
    problems: ['not-found'],
  },
];
