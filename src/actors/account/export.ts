import type { Exported } from '../own-rows.ts';

/** What an owner is given of the account's tables. The others are named, with why, in http/export.ts. */
export const ACCOUNT_EXPORT: Exported = {
  account_head: ['head', 'set_number'],
  account_manifest: ['version', 'signed', 'hash', 'at'],
  account_device: ['device', 'key', 'status', 'status_at', 'reason', 'serial', 'chain', 'not_after', 'bundle'],
  account_serial: ['serial', 'device', 'state', 'at', 'chain', 'not_after'],
  account_handle: ['handle', 'salt', 'commitment', 'method', 'verified_at', 'hidden'],
  account_policy: ['policy'],
  account_pair: ['call', 'caller', 'callee', 'until'],
  account_history: ['call', 'row', 'peer', 'direction', 'outcome', 'ended_at', 'deleted'],
  account_sought: ['handle', 'at'],
  account_seen: ['at'],
  account_fresh: ['device', 'shown_at', 'counter', 'overdue_at'],
  account_recovery: ['recovery', 'state', 'by', 'started_at', 'due_at', 'handles', 'veto', 'ended_at'],
  account_warning: ['recovery', 'handle', 'state', 'at'],
  account_reset: ['account', 'recovery', 'started_at', 'at'],
};
