import { ask, accountOf, deviceOf } from './ask.ts';
import type { AppContext } from './context.ts';

/** Tables that an export leaves out, and why. With what it holds this is every table of docs/storage.md (a test compares). */
export const NOT_EXPORTED: Readonly<Record<string, string>> = {
  account_key: 'secret: it makes capabilities for the account',
  account_proof: 'ids of proofs that may be used once, for minutes',
  account_bucket: 'rate limits per calling device: about others',
  account_link: 'a link under way; what comes of it is in the manifest',
  account_event: 'on its way to the feed; see event',
  account_event_head: 'number and hash of the last event',
  device_claim: 'what others were answered when they looked the device up',
  device_bucket: 'rate limits per calling device: about others',
  device_nonce: 'ids that may be used once, for minutes',
  device_event: 'on its way to the feed; see event',
  device_event_head: 'number and hash of the last event',
  call_state: 'of all parties together; the account’s own row of a call is in account_history',
  call_ticket: 'hashes of tickets that live for seconds',
  call_event: 'on its way to the feed; see event',
  call_event_head: 'number and hash of the last event',
  account_operation: 'answers to repeated requests, for a day',
  device_key_id: 'a counter',
  device_wakeup: 'pushes under way, for an hour',
  call_relay: 'bytes relayed in a call under way',
  call_proof: 'of all members together: who let whom into a group call under way',
  wrong_code: 'names no account',
  sent_code: 'names no account',
  inventory: 'the operator’s; names no account',
  challenge_use: 'names no account',
  rejudge_run: 'about lists and policies',
  revocation_list: 'published',
  list: 'published',
  policy: 'the deployment’s',
  deployment: 'the deployment’s',
  d1_migrations: 'the deployment’s',
  port_schema: 'the host’s bookkeeping',
  port_clock: 'the host’s bookkeeping',
  port_deadline: 'the host’s bookkeeping',
  port_outbox: 'mail on its way: what it says stands in the rows that it comes to',
  port_sent: 'the host’s bookkeeping',
  port_heard: 'the host’s bookkeeping',
  port_socket: 'the host’s bookkeeping',
  host_job: 'names actors, holds nothing',
};

/** One document with everything that is kept of the caller's account, by table. A device that does not answer ends it. */
export async function exportAccount(c: AppContext): Promise<Response> {
  const { services, caller } = c.var;
  const { account } = caller;
  const asked = await ask<{ tables: object; devices: string[] }>(c, accountOf(account), { do: 'export' });
  if (!asked.ok) return asked.response;
  if (!asked.value.ok) return c.json({}, 500);
  const devices: Record<string, object> = {};
  for (const device of asked.value.devices) {
    const told = await ask<{ tables: object }>(c, deviceOf(device), { do: 'export' });
    if (!told.ok) return told.response;
    if (told.value.ok) devices[device] = told.value.tables;
  }
  const directory = await services.db.personal.export(account);
  const { deployment } = services;
  const document = {
    about: { account, deployment: deployment.id, at: new Date(services.now()).toISOString() },
    account: asked.value.tables,
    devices,
    directory,
    notExported: NOT_EXPORTED,
  };
  return c.body(JSON.stringify(document, null, 2), 200, {
    'Content-Type': 'application/json',
    'Content-Disposition': 'attachment; filename="account.json"',
    'Cache-Control': 'no-store',
  });
}
