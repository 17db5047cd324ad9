import { draftAssertion } from '../directory/handle/assertion.ts';
import { readHandle } from '../directory/handle/canonical.ts';
import { accountOf, ask, deviceOf } from '../http/ask.ts';
import { authenticated } from '../http/authenticated.ts';
import { json } from '../http/body.ts';
import { type AppContext, factory } from '../http/context.ts';
import { handleHash, HANDLE_RULES } from '../http/handles.ts';
import { problem } from '../http/problem.ts';
import { LookupRequest, type LookupDevice, type LookupResult } from '../protocol/api.ts';
import type { KeyBundle, OneTimeKey } from '../protocol/bundle.ts';
import type { HandleMethod } from '../protocol/handle.ts';
import type { SignedManifest } from '../protocol/manifest.ts';

const IDEMPOTENCY_KEY = /^[\x21-\x7e]{8,128}$/;

interface AccountView {
  readonly account: string;
  readonly proved: { readonly salt: string; readonly method: HandleMethod; readonly verifiedAt: number };
  readonly manifests: SignedManifest[];
  readonly set: number;
  readonly devices: readonly {
    readonly device: string;
    readonly certificate: string[];
    readonly capability: string;
    readonly dormant: boolean;
  }[];
  readonly known: boolean;
  readonly expiresAt: number;
  readonly refreshAt: number;
}

/** POST /v1/lookups: handle -> account, chain, devices, keys and capabilities. What is unknown or hidden looks the same. */
export const lookups = factory.createApp().post('/v1/lookups', authenticated, async (c) => {
  const read = await json(c, LookupRequest);
  if (!read.ok) return read.response;
  const key = c.req.header('Idempotency-Key');
  if (read.value.claim && !IDEMPOTENCY_KEY.test(key ?? '')) return problem(c, 'bad-request', 'idempotency-key-missing');
  const results: LookupResult[] = [];
  for (const handle of read.value.handles) results.push(await find(c, handle, read.value, key ?? c.var.request));
  return c.json({ results, serverNow: c.var.services.now() });
});

async function find(
  c: AppContext,
  text: string,
  { claim, known }: LookupRequest,
  request: string,
): Promise<LookupResult> {
  const absent = { handle: text, found: false } as const;
  const parsed = readHandle(text, HANDLE_RULES);
  const { services } = c.var;
  const { account: ownAccount, device } = c.var.caller;
  const caller = { account: ownAccount, device };
  const handle = parsed.ok ? parsed.handle.canonical : text;
  const owner = await services.db.handles.owner(handleHash(services, handle));
  if (!owner) return absent;
  const asked = await ask<AccountView>(c, accountOf(owner.account), {
    do: 'lookup',
    caller,
    handle,
    known: known[owner.account] ?? null,
  });
  if (!asked.ok || !asked.value.ok) return absent;
  const view = asked.value;
  const devices = await Promise.all(
    view.devices.map((one) => withKeys(c, one, { do: 'keys-for', caller, request, claim, known: view.known })),
  );
  const { account, manifests, set, expiresAt, refreshAt } = view;
  const assertion = await assert(c, handle, view);
  return {
    handle: text,
    found: true,
    account,
    assertion,
    manifests,
    set,
    devices: devices.filter((one) => one !== null),
    expiresAt,
    refreshAt,
  };
}

async function withKeys(
  c: AppContext,
  listed: AccountView['devices'][number],
  command: object,
): Promise<LookupDevice | null> {
  const asked = await ask<{ bundle: KeyBundle; oneTime: OneTimeKey | null }>(c, deviceOf(listed.device), command);
  if (!asked.ok || !asked.value.ok) return null;
  const { bundle, oneTime } = asked.value;
  const { device, certificate, capability, dormant } = listed;
  return { device, certificate, bundle, capability, ...(oneTime && { oneTime }), ...(dormant && { dormant }) };
}

/** "This handle is this account's since then": short-lived, by the directory key. */
async function assert(c: AppContext, handle: string, { account, proved }: AccountView): Promise<string> {
  const { keys, deployment, now } = c.var.services;
  const draft = draftAssertion({ issuer: deployment.origin, account, handle, ...proved }, keys.directory.keyId, now());
  return draft.seal(await keys.directory.sign(draft.input));
}
