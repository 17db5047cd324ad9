import * as v from 'valibot';
import * as api from '../api.ts';
import { gives, json, type Operation } from './operation.ts';

const Whole = v.pipe(v.string(), v.regex(/^\d{1,15}$/));

/** What an account keeps and decides of its own. */
export const ACCOUNT: readonly Operation[] = [
  {
    method: 'GET',
    path: '/v1/account/export',
    id: 'exportAccount',
    summary: 'Everything that is kept of the own account, by table, in one document',
    who: 'device',
    gives: gives(api.AccountExport),
    problems: [],
  },
  {
    method: 'POST',
    path: '/v1/account/closure',
    id: 'closeAccount',
    summary: 'Closes the own account for good and erases it',
    who: 'device',
    takes: json(api.AccountClosure),
    gives: gives(api.AccountClosed),
    problems: ['refused'],
  },
  {
    method: 'GET',
    path: '/v1/policy',
    id: 'policy',
    summary: 'What the account lets ring',
    who: 'device',
    gives: gives(api.PolicyDocument),
    problems: [],
  },
  {
    method: 'PUT',
    path: '/v1/policy',
    id: 'setPolicy',
    summary: 'Sets what the account lets ring',
    who: 'device',
    takes: json(api.PolicyDocument),
    gives: gives(api.PolicyDocument),
    problems: [],
  },
  {
    method: 'GET',
    path: '/v1/history',
    id: 'history',
    summary: 'The account’s calls, newest first',
    who: 'device',
    query: { before: v.optional(Whole), limit: v.optional(Whole) },
    gives: gives(api.HistoryReply),
    problems: [],
  },
  {
    method: 'DELETE',
    path: '/v1/history',
    id: 'deleteHistory',
    summary: 'Deletes rows on every device of the account',
    who: 'device',
    takes: json(api.HistoryDeletion),
    gives: gives(api.HistoryDeleted),
    problems: [],
  },
  {
    method: 'DELETE',
    path: '/v1/devices/{device}',
    id: 'revokeDevice',
    summary: 'An owner takes a device of the account out of service',
    who: 'device',
    query: { reason: v.optional(api.RevocationCause) },
    gives: gives(api.RevocationReply),
    problems: ['bad-request'],
  },
];
