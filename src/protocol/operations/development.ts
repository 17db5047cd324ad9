import * as v from 'valibot';
import { encoded } from '../identity.ts';
import { gives, json, type Operation } from './operation.ts';

/** What only a development deployment has. */
export const DEVELOPMENT: readonly Operation[] = [
  {
    method: 'POST',
    path: '/v1/development/attestations',
    id: 'attestInDevelopment',
    summary: 'Development only: the deployment’s own attester, for machines without hardware',
    who: 'anyone',
    takes: json(v.object({ transcript: encoded(32) })),
    gives: gives(v.object({ evidence: v.record(v.string(), v.unknown()) })),
    problems: ['not-found'],
  },
  {
    method: 'GET',
    path: '/v1/development/inbox',
    id: 'inbox',
    summary: 'Development only: the newest code that was sent to a canonical handle',
    who: 'anyone',
    query: { handle: v.string() },
    gives: gives(v.object({ code: v.string() })),
    problems: ['not-found'],
  },
];
