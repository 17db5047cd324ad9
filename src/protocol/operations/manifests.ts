import * as v from 'valibot';
import * as api from '../api.ts';
import { gives, json, type Operation } from './operation.ts';

const Whole = v.pipe(v.string(), v.regex(/^\d{1,15}$/));

/** The signed chain of an account. */
export const MANIFESTS: readonly Operation[] = [
  {
    method: 'GET',
    path: '/v1/accounts/{account}/manifests',
    id: 'manifests',
    summary: 'Signed manifests of an account after a version; none for an unknown account',
    who: 'device',
    query: { after: v.optional(Whole) },
    gives: gives(api.ManifestsReply),
    problems: ['bad-request'],
  },
  {
    method: 'POST',
    path: '/v1/manifests',
    id: 'commitManifest',
    summary: 'The next version of the own account’s manifest',
    who: 'device',
    takes: json(api.ManifestRequest),
    gives: gives(api.ManifestReply),
    problems: ['conflict', 'refused'],
  },
];
