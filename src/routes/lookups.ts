import type { HandleOwner } from '../db/repositories.ts';
import { draftAssertion } from '../directory/handle/assertion.ts';
import { readHandle } from '../directory/handle/canonical.ts';
import { accountOf, ask, deviceOf } from '../http/ask.ts';
import { authenticated } from '../http/authenticated.ts';
import { json } from '../http/body.ts';
import { type AppContext, factory } from '../http/context.ts';
import { decoyOf, handleHash } from '../http/handles.ts';
import { idempotencyKey } from '../http/idempotency.ts';
import { problem } from '../http/problem.ts';
import { attestRecovery, type RecoveryFact } from '../http/recoveries.ts';
import { tooMany } from '../http/rate-limit.ts';
import { ofActor } from '../http/refusals.ts';
import { LookupRequest, type LookupDevice, type LookupResult } from '../protocol/api.ts';
import type { KeyBundle, OneTimeKey } from '../protocol/bundle.ts';
import type { HandleMethod } from '../protocol/handle.ts';
import type { SignedManifest } from '../protocol/manifest.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

interface AccountView {
  readonly account: string;
  readonly recoveries: readonly RecoveryFact[];
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

/** One handle of a request: as it was written, as it is compared, and where it leads. */
interface Sought {
  readonly text: string;
  readonly handle: string;
  readonly hash: string;
  readonly owner: HandleOwner | null;
}

/** POST /v1/lookups: handle -> account, chain, devices, keys and capabilities. What is unknown or hidden looks the same. */
export const lookups = factory.createApp().post('/v1/lookups', authenticated, async (c) => {
  const read = await json(c, LookupRequest);
  if (!read.ok) return read.response;
  const { claim, known, handles } = read.value;
  const started = performance.now();
  const key = idempotencyKey(c);
  if (claim && key === undefined) return problem(c, 'bad-request', 'idempotency-key-missing');
  const sought = await whither(c, handles);
  const leave = await mayLook(c, sought);
  if (!leave.ok) return leave.response;
  const find = (one: Sought) => found(c, one, { claim, known, request: key ?? c.var.request, test: leave.test });
  const results = await Promise.all(sought.map(find));
  if (results.some((one) => !one.found)) await unseen(started);
  return c.json({ results, serverNow: c.var.services.now() });
});

async function whither(c: AppContext, texts: readonly string[]): Promise<Sought[]> {
  const { services } = c.var;
  const written = texts.map((text) => {
    const parsed = readHandle(text, services.directory.handles);
    const handle = parsed.ok ? parsed.handle.canonical : text;
    return { text, handle, hash: handleHash(services, handle) };
  });
  const owners = await services.db.handles.owners(written.map(({ hash }) => hash));
  return written.map((one) => ({ ...one, owner: owners.get(one.hash) ?? null }));
}

/** The asking account's own word: its limits, and whether it stands among the handles for tests. */
async function mayLook(
  c: AppContext,
  sought: readonly Sought[],
): Promise<{ ok: true; test: boolean } | { ok: false; response: Response }> {
  const limits = c.var.services.directory.seek;
  const handles = sought.map(({ hash, owner }) => ({ handle: hash, account: owner?.account ?? null }));
  const asked = await ask<{ test: boolean }>(c, accountOf(c.var.caller.account), { do: 'seek', handles, limits });
  if (!asked.ok) return asked;
  if (asked.value.ok) return { ok: true, test: asked.value.test };
  const { reason, quota, retryAfterMs } = asked.value;
  const reached = { quota: Number(quota), retryAfterMs: Number(retryAfterMs) };
  if (reason === 'lookups-per-day')
    return { ok: false, response: tooMany(c, reason, { ...reached, windowMs: DAY_MS }) };
  if (reason === 'lookups-per-minute')
    return { ok: false, response: tooMany(c, reason, { ...reached, windowMs: MINUTE_MS }) };
  const refused = ofActor(reason);
  return { ok: false, response: problem(c, refused.slug, refused.reason) };
}

interface How {
  readonly claim: boolean;
  readonly known: LookupRequest['known'];
  readonly request: string;
  readonly test: boolean;
}

/** An answer without anything found leaves at a multiple of this, ms, so that small differences of the work before it do not show. */
const ABSENT_STEP_MS = 250;

async function unseen(started: number): Promise<void> {
  const spent = performance.now() - started;
  await new Promise((resolve) => void setTimeout(resolve, ABSENT_STEP_MS - (spent % ABSENT_STEP_MS)));
}

/**
 * Two accounts are asked whatever the directory said, so that a handle that leads nowhere is the same work: the one it leads to, or a
 * name that no account has; and the asking one, which is there for certain.
 */
async function found(c: AppContext, { text, handle, hash, owner }: Sought, how: How): Promise<LookupResult> {
  const { claim, known, request } = how;
  const absent = { handle: text, found: false } as const;
  const { account: ownAccount, device } = c.var.caller;
  const caller = { account: ownAccount, device };
  const leads = owner !== null && (owner.method === 'test') === how.test;
  const question = { do: 'lookup', caller, handle, known: (owner && known[owner.account]) ?? null };
  const [asked] = await Promise.all([
    ask<AccountView>(c, accountOf(leads ? owner.account : decoyOf(c.var.services, hash)), question),
    ask(c, accountOf(ownAccount), { ...question, known: null }),
  ]);
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
    recoveries: await Promise.all(view.recoveries.map((one) => attestRecovery(c, one))),
    set,
    devices: devices.filter((one) => one !== null),
    expiresAt,
    refreshAt,
  };
}

async function withKeys(
  c: AppContext,
  listed: AccountView['devices'][number],
  command: { readonly do: 'keys-for'; readonly claim: boolean; readonly [name: string]: unknown },
): Promise<LookupDevice | null> {
  const asked = await ask<{ bundle: KeyBundle; oneTime: OneTimeKey | null }>(c, deviceOf(listed.device), command);
  if (!asked.ok || !asked.value.ok) return null;
  const { bundle, oneTime } = asked.value;
  const { device, certificate, capability, dormant } = listed;
  return {
    device,
    certificate,
    bundle,
    capability,
    ...(oneTime && { oneTime }),
    ...(command.claim && !oneTime && { lastResort: true as const }),
    ...(dormant && { dormant }),
  };
}

/** "This handle is this account's since then": short-lived, by the directory key. */
async function assert(c: AppContext, handle: string, { account, proved }: AccountView): Promise<string> {
  const { keys, deployment, now } = c.var.services;
  const draft = draftAssertion({ issuer: deployment.origin, account, handle, ...proved }, keys.directory.keyId, now());
  return draft.seal(await keys.directory.sign(draft.input));
}
