import type { Head } from '../directory/manifest/head.ts';
import { successor } from '../directory/manifest/write.ts';
import { ManifestReply } from '../protocol/api.ts';
import type { IdentifiedApi } from './api.ts';
import { signManifest, verifyChain } from './manifests.ts';

/** The own manifest's next version on top of this head, signed by this device; once the server took it, it is the own head. */
export async function commitOwn(
  api: IdentifiedApi,
  head: Head,
  change: Parameters<typeof successor>[2],
  signal: AbortSignal | undefined,
): Promise<void> {
  const { config, identity } = api;
  const { account, device, key } = identity;
  const manifest = await signManifest(successor(head, api.serverNow(), change), [{ kid: device, key }]);
  await api.ask(ManifestReply, { method: 'POST', path: '/v1/manifests', body: { manifest }, signal });
  const next = await verifyChain(config.crypto, account, head, [manifest], api.serverNow());
  await config.store.write([{ collection: 'head', id: account, value: next }]);
}
