import * as v from 'valibot';
import { fromBase64url } from '../bytes/base64url.ts';
import { commitmentOf } from '../directory/handle/commitment.ts';
import { HandlePending, HandlesReply, OwnHandle } from '../protocol/api.ts';
import type { IdentifiedApi } from './api.ts';
import { askedHandle } from './asked-handle.ts';
import { CallsignError } from './errors.ts';
import { ownHead } from './identity.ts';
import { commitOwn } from './own-manifest.ts';

/**
 * Proves a handle: the server sends a code to it, `code` brings it, and the account's manifest then commits to the handle,
 * so that nobody can attach one to an account behind its back. Resolves with the handle as the server writes it. Refused with
 * `handle-held` while another account holds it: `retryAfterMs` says when a proof may bring it here.
 */
export async function addHandle(
  api: IdentifiedApi,
  handle: string,
  code: () => Promise<string>,
  signal?: AbortSignal,
): Promise<string> {
  const pending = await api.ask(HandlePending, { method: 'POST', path: '/v1/handles', body: { handle }, signal });
  return proved(api, pending.id, { handle, code: await code() }, signal);
}

/** The same for an account at an identity provider: `token` signs in there with the nonce and brings the ID token. */
export async function addExternalHandle(
  api: IdentifiedApi,
  issuer: string,
  token: (nonce: string) => Promise<string>,
  signal?: AbortSignal,
): Promise<string> {
  const pending = await api.ask(HandlePending, { method: 'POST', path: '/v1/handles', body: { issuer }, signal });
  if (pending.nonce === undefined) throw new CallsignError('protocol', 'unexpected-answer');
  return proved(api, pending.id, { issuer, token: await token(pending.nonce) }, signal);
}

/** Handles that the account proved, as the server has them. */
export async function ownHandles(api: IdentifiedApi, signal?: AbortSignal): Promise<readonly OwnHandle[]> {
  return (await api.ask(HandlesReply, { method: 'GET', path: '/v1/handles', signal })).handles;
}

/** Whether strangers find it; contacts and who was talked with do all the same. */
export async function hideHandle(
  api: IdentifiedApi,
  handle: string,
  hidden: boolean,
  signal?: AbortSignal,
): Promise<void> {
  const body = { handle, hidden };
  const path = '/v1/handles/visibility';
  await api.ask(v.object({ hidden: v.boolean() }), { method: 'POST', path, body, repeatable: true, signal });
}

/** Gives a handle up; the manifest then no longer commits to it. To another account (`to`): that one proves it next. */
export async function releaseHandle(
  api: IdentifiedApi,
  handle: string,
  to: string | null,
  signal?: AbortSignal,
): Promise<void> {
  const canonical = askedHandle(handle);
  const own = (await ownHandles(api, signal)).find((one) => one.handle === canonical);
  const body = { handle, ...(to !== null && { to }) };
  const path = '/v1/handles/releases';
  await api.ask(v.object({ to: v.nullable(v.string()) }), { method: 'POST', path, body, signal });
  if (own && to === null) await recommit(api, (handles) => handles.filter((one) => one !== own.commitment), signal);
}

async function proved(api: IdentifiedApi, id: string, proof: object, signal: AbortSignal | undefined): Promise<string> {
  const path = `/v1/handles/${id}/verification`;
  const { handle, salt, commitment } = await api.ask(OwnHandle, { method: 'POST', path, body: proof, signal });
  const bytes = fromBase64url(salt);
  if (!bytes || commitmentOf(bytes, handle) !== commitment)
    throw new CallsignError('verification', 'handle-commitment');
  await recommit(api, (handles) => [...new Set([...handles, commitment])].toSorted(), signal);
  return handle;
}

/** The next version of the own manifest, with these commitments. */
async function recommit(
  api: IdentifiedApi,
  change: (handles: readonly string[]) => string[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const head = await ownHead(api.config, api.identity.account);
  const handles = change(head.manifest.handles);
  if (handles.length === head.manifest.handles.length) return;
  await commitOwn(api, head, { handles }, signal);
}
