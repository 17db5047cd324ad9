import { onEventCommand, onEventsDue } from '../events.ts';
import { exported } from '../own-rows.ts';
import type { Actor, Arrival, Event, Json, Turn } from '../port.ts';
import { deleteHistory, forgetOldHistory, history, HISTORY_DEADLINE, onCallMail } from './calls.ts';
import { authorize, intend, issued, published, revoke } from './certificates.ts';
import { ALONE, enlist, isAlone } from './alone.ts';
import { close, closed, erase } from './closing.ts';
import type { AccountCommand } from './command.ts';
import { devicesOf } from './devices.ts';
import { ACCOUNT_EXPORT } from './export.ts';
import { addHandle, contested, dropHandle, handlesOf, hideHandle, lost, prove } from './handles.ts';
import { take } from './buckets.ts';
import { headOf, manifestsAfter } from './head.ts';
import { voucherOf } from './linked.ts';
import { LINK_DEADLINE, onLink, onLinksDue } from './links.ts';
import { lookup } from './lookup.ts';
import { commitManifest } from './manifest.ts';
import { conclude } from './operation.ts';
import { policyOf, setPolicy } from './policy.ts';
import { onRecovery, onRecoveryDue, RECOVERY_DEADLINE } from './recovery.ts';
import { accountSchema, accountTables } from './schema.ts';
import { seek } from './seeking.ts';
import { onWarningsDue, WARNING_DEADLINE } from './warnings.ts';

/** An account: its manifest chain, its devices' standing, its policy, its locks, its history. */
export const account: Actor<AccountCommand> = {
  kind: 'account',
  tables: accountTables,
  schema: accountSchema,

  admit(arrival: Arrival): AccountCommand {
    return arrival.type === 'command' ? (arrival.body as AccountCommand) : { do: 'unclear' };
  },

  /** An account heeds no answer to its mail. */
  canWait: ({ type }) => type === 'answered',

  turn(t: Turn, event: Event<AccountCommand>): Json {
    switch (event.type) {
      case 'command':
        return obey(t, event.body);
      case 'due':
        if (!onEventsDue(t, event.key)) DUE[event.key]?.(t);
        return null;
      case 'opened':
        event.socket.close(4403, 'accounts have no sockets');
        return null;
      default:
        return null;
    }
  },
};

/** What each deadline does. */
const DUE: Readonly<Record<string, (t: Turn) => void>> = {
  [HISTORY_DEADLINE]: forgetOldHistory,
  [LINK_DEADLINE]: onLinksDue,
  [RECOVERY_DEADLINE]: onRecoveryDue,
  [WARNING_DEADLINE]: onWarningsDue,
};

/** Only a genesis manifest makes an account; to everybody else one that is not there answers the same and writes nothing. */
function obey(t: Turn, command: AccountCommand): Json {
  if (command.do === 'manifest') return commitManifest(t, command);
  if (command.do === 'enlist') return enlist(t, command);
  if (!headOf(t) && !(ALONE.has(command.do) && isAlone(t))) return { ok: false, reason: 'unknown-account' };
  switch (command.do) {
    case 'authorize':
      return authorize(t, command);
    case 'answered':
      return conclude(t, command.device, command.operation, command.answer);
    case 'intend':
      return intend(t, command);
    case 'issued':
      return issued(t, command);
    case 'voucher':
      return voucherOf(t, command.device);
    case 'manifests':
      return { ok: true, manifests: manifestsAfter(t, command.after) };
    case 'published':
      return published(t, command);
    case 'head':
      return { ok: true, head: headOf(t) as unknown as Json };
    case 'handle':
      return addHandle(t, command);
    case 'handles':
      return handlesOf(t);
    case 'prove':
      return prove(t, command);
    case 'hide-handle':
      return hideHandle(t, command);
    case 'drop-handle':
      return dropHandle(t, command);
    case 'handle-contested':
      return contested(t, command);
    case 'handle-lost':
      return lost(t, command);
    case 'seek':
      return seek(t, command);
    case 'lookup':
      return lookup(t, command);
    case 'take':
      return take(t, `take ${command.what}`, command.limit);
    case 'policy':
      return { ok: true, policy: policyOf(t) as unknown as Json };
    case 'set-policy':
      return setPolicy(t, command.policy);
    case 'history':
      return history(t, command);
    case 'delete-history':
      return deleteHistory(t, command.calls);
    case 'revoke':
      return revoke(t, command);
    case 'link':
      return onLink(t, command);
    case 'close':
      return close(t, command);
    case 'closed':
      return closed(t);
    case 'erase':
      return erase(t);
    case 'export':
      return { ok: true, tables: exported(t, ACCOUNT_EXPORT), devices: devicesOf(t).map(({ device }) => device) };
    case 'recovery':
      return onRecovery(t, command);
    case 'call':
      return onCallMail(t, command.mail);
    case 'events':
    case 'events-shipped':
      return onEventCommand(t, command);
    case 'unclear':
      return { ok: false, reason: 'malformed' };
  }
}
