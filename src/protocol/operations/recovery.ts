import * as recovery from '../recovery.ts';
import { gives, json, type Operation } from './operation.ts';

/** An account whose devices are lost. */
export const RECOVERY: readonly Operation[] = [
  {
    method: 'POST',
    path: '/v1/recoveries',
    id: 'startRecovery',
    summary: 'Takes handles over from the account that holds them, after its delay and if no device of it says no',
    who: 'device',
    takes: json(recovery.RecoveryRequest),
    gives: gives(recovery.RecoveryView, 202),
    problems: ['refused'],
  },
  {
    method: 'GET',
    path: '/v1/recoveries',
    id: 'recoveries',
    summary: 'Recoveries of the own account’s handles, and by which it took others over',
    who: 'device',
    gives: gives(recovery.Recoveries),
    problems: [],
  },
  {
    method: 'POST',
    path: '/v1/recoveries/{recovery}/veto',
    id: 'vetoRecovery',
    summary: 'A device of the account says no',
    who: 'device',
    takes: json(recovery.VetoRequest),
    gives: gives(recovery.RecoveryView),
    problems: ['not-found', 'refused'],
  },
  {
    method: 'POST',
    path: '/v1/recoveries/accounts',
    id: 'findRecoverable',
    summary: 'The chain of the account whose recovery key signed',
    who: 'anyone',
    takes: json(recovery.RecoveryAccess),
    gives: gives(recovery.RecoveryChain),
    problems: ['refused', 'unavailable'],
  },
];
