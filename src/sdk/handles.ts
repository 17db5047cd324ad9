import { fromBase64url } from '../bytes/base64url.ts';
import { commitmentOf } from '../directory/handle/commitment.ts';
import { successor } from '../directory/manifest/write.ts';
import { HandlePending, ManifestReply, OwnHandle } from '../protocol/api.ts';
import type { IdentifiedApi } from './api.ts';
import { CallsignError } from './errors.ts';
import { ownHead } from './identity.ts';
import { signManifest, verifyChain } from './manifests.ts';

/**
 * Proves a handle: the server sends a code to it, `code` brings it, and the account's manifest then commits to the handle,
 * so that nobody can attach one to an account behind its back. Resolves with the handle as the server writes it.
 */
export async function addHandle(
  api: IdentifiedApi,
  handle: string,
  code: () => Promise<string>,
  signal?: AbortSignal,
): Promise<string> {
  const pending = await api.ask(HandlePending, { method: 'POST', path: '/v1/handles', body: { handle }, signal });
  const proof = { handle, code: await code() };
  const path = `/v1/handles/${pending.id}/verification`;
  const proved = await api.ask(OwnHandle, { method: 'POST', path, body: proof, signal });
  const salt = fromBase64url(proved.salt);
  if (!salt || commitmentOf(salt, proved.handle) !== proved.commitment)
    throw new CallsignError('verification', 'handle-commitment');
  await commit(api, proved.commitment, signal);
  return proved.handle;
}

async function commit(api: IdentifiedApi, commitment: string, signal: AbortSignal | undefined): Promise<void> {
  const { config } = api;
  const { account, device, key } = api.identity;
  const head = await ownHead(config, account);
  if (head.manifest.handles.includes(commitment)) return;
  const handles = [...head.manifest.handles, commitment].toSorted();
  const manifest = await signManifest(successor(head, api.serverNow(), { handles }), [{ kid: device, key }]);
  await api.ask(ManifestReply, { method: 'POST', path: '/v1/manifests', body: { manifest }, signal });
  const next = await verifyChain(config.crypto, account, head, [manifest], config.now());
  await config.store.write([{ collection: 'head', id: account, value: next }]);
}
