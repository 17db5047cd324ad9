import * as api from '../api.ts';
import * as link from '../link.ts';
import type { ProblemSlug } from '../problem.ts';
import { gives, json, type Operation } from './operation.ts';

const GUEST_PROBLEMS: readonly ProblemSlug[] = ['not-found', 'conflict', 'unavailable'];
const LINK_PROBLEMS: readonly ProblemSlug[] = ['bad-request', 'not-found', 'conflict'];

/** A second device joins an account. */
export const LINKING: readonly Operation[] = [
  {
    method: 'POST',
    path: '/v1/links',
    id: 'startLink',
    summary: 'A device of the account lets a new one join: a link for ten minutes and one newcomer',
    who: 'device',
    takes: json(link.LinkStart),
    gives: gives(link.LinkStarted, 201),
    problems: ['refused'],
  },
  {
    method: 'GET',
    path: '/v1/links/{link}',
    id: 'watchLink',
    summary: 'The link as its sponsor sees it',
    who: 'device',
    gives: gives(link.SponsorView),
    problems: LINK_PROBLEMS,
  },
  {
    method: 'POST',
    path: '/v1/links/{link}/opening',
    id: 'openLink',
    summary: 'The sponsor’s part of the comparison code, once it has the commitment',
    who: 'device',
    takes: json(link.LinkOpening),
    gives: gives(link.SponsorView),
    problems: LINK_PROBLEMS,
  },
  {
    method: 'POST',
    path: '/v1/links/{link}/manifest',
    id: 'signLink',
    summary: 'The version that adds the newcomer, signed by the sponsor alone',
    who: 'device',
    takes: json(link.LinkManifest),
    gives: gives(link.SponsorView),
    problems: LINK_PROBLEMS,
  },
  {
    method: 'DELETE',
    path: '/v1/links/{link}',
    id: 'endLink',
    summary: 'The sponsor refuses the newcomer, or thinks better of it',
    who: 'device',
    gives: gives(link.SponsorView),
    problems: LINK_PROBLEMS,
  },
  {
    method: 'POST',
    path: '/v1/links/{link}/challenges',
    id: 'linkChallenge',
    summary: 'An enrollment challenge that lives as long as the link',
    who: 'anyone',
    takes: json(link.LinkChallengeRequest),
    gives: gives(api.Challenge, 201),
    problems: GUEST_PROBLEMS,
  },
  {
    method: 'POST',
    path: '/v1/links/{link}/commitments',
    id: 'commitLink',
    summary: 'Takes the link’s only seat, and commits to device, key and nonce',
    who: 'anyone',
    takes: json(link.LinkCommitment),
    gives: gives(link.NewcomerView),
    problems: ['attestation-refused', ...GUEST_PROBLEMS],
  },
  {
    method: 'POST',
    path: '/v1/links/{link}/reveals',
    id: 'revealLink',
    summary: 'Opens the commitment, with the evidence of the device',
    who: 'anyone',
    takes: json(link.LinkReveal),
    gives: gives(link.NewcomerView),
    problems: ['attestation-refused', 'refused', ...GUEST_PROBLEMS],
  },
  {
    method: 'POST',
    path: '/v1/links/{link}/looks',
    id: 'lookAtLink',
    summary: 'The link as its newcomer sees it',
    who: 'anyone',
    takes: json(link.LinkGuest),
    gives: gives(link.NewcomerView),
    problems: GUEST_PROBLEMS,
  },
  {
    method: 'POST',
    path: '/v1/links/{link}/refusals',
    id: 'leaveLink',
    summary: 'The newcomer saw another code, or thinks better of it',
    who: 'anyone',
    takes: json(link.LinkGuest),
    gives: gives(link.NewcomerView),
    problems: GUEST_PROBLEMS,
  },
];
