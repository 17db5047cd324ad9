import { onEventCommand, onEventsDue, record } from '../events.ts';
import type { Actor, Arrival, Event, Json, Turn } from '../port.ts';
import {
  deleteHistory,
  forgetOldHistory,
  history,
  HISTORY_DEADLINE,
  onCallMail,
  policyOf,
  setPolicy,
} from './calls.ts';
import { authorize, intend, issued, published, revoke } from './certificates.ts';
import type { AccountCommand } from './command.ts';
import { headOf, manifestsAfter } from './head.ts';
import { lookup } from './lookup.ts';
import { commitManifest } from './manifest.ts';
import { accountSchema, accountTables } from './schema.ts';

/** An account: its manifest chain, its devices' standing, its policy, its locks, its history. */
export const account: Actor<AccountCommand> = {
  kind: 'account',
  tables: accountTables,
  schema: accountSchema,

  async admit(arrival: Arrival): Promise<AccountCommand> {
    return arrival.type === 'command' ? (arrival.body as AccountCommand) : { do: 'unclear' };
  },

  turn(t: Turn, event: Event<AccountCommand>): Json {
    switch (event.type) {
      case 'command':
        return obey(t, event.body);
      case 'due':
        if (!onEventsDue(t, event.key) && event.key === HISTORY_DEADLINE) forgetOldHistory(t);
        return null;
      case 'opened':
        event.socket.close(4403, 'accounts have no sockets');
        return null;
      default:
        return null;
    }
  },
};

/** Only a genesis manifest makes an account; to everybody else one that is not there answers the same and writes nothing. */
function obey(t: Turn, command: AccountCommand): Json {
  if (command.do === 'manifest') return commitManifest(t, command);
  if (!headOf(t)) return { ok: false, reason: 'unknown-account' };
  switch (command.do) {
    case 'authorize':
      return authorize(t, command);
    case 'intend':
      return intend(t, command);
    case 'issued':
      return issued(t, command);
    case 'manifests':
      return { ok: true, manifests: manifestsAfter(t, command.after) };
    case 'published':
      return published(t, command.device);
    case 'handle':
      return addHandle(t, command);
    case 'handles':
      return {
        ok: true,
        handles: t.all<Json & object>(
          `SELECT handle, salt, commitment, verified_at AS verifiedAt FROM account_handle WHERE actor = ?1 ORDER BY handle`,
        ) as Json[],
      };
    case 'lookup':
      return lookup(t, command);
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
    case 'call':
      return onCallMail(t, command.mail);
    case 'events':
    case 'events-shipped':
      return onEventCommand(t, command);
    case 'unclear':
      return { ok: false, reason: 'malformed' };
  }
}

/** A handle this account proved. Who it belongs to is decided in the directory; the salt is kept here. */
function addHandle(t: Turn, command: AccountCommand & { do: 'handle' }): Json {
  t.run(
    `INSERT INTO account_handle (actor, handle, salt, commitment, method, verified_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
     ON CONFLICT (actor, handle) DO UPDATE SET verified_at = excluded.verified_at, method = excluded.method`,
    command.handle,
    command.salt,
    command.commitment,
    command.method,
    command.verifiedAt,
  );
  record(t, { type: 'handle.verified', severity: 'info', subject: t.self.name, reason: command.method });
  const kept = t.all<{ salt: string; commitment: string; verifiedAt: number }>(
    `SELECT salt, commitment, verified_at AS verifiedAt FROM account_handle WHERE actor = ?1 AND handle = ?2`,
    command.handle,
  )[0];
  return { ok: true, ...kept };
}
