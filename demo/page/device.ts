import {
  CallsignClient,
  type ClientConfig,
  type ClientEvents,
  defaultConfig,
  developmentAttester,
  enroll,
  indexedDbStore,
  restoreIdentity,
  webCrypto,
} from '../../src/sdk/index.ts';
import { fromBase64url } from '../../src/bytes/base64url.ts';

/** This browser's device, as it was left or not enrolled yet. A page that is not a demonstration ships deployment id and root. */
export async function openDevice(): Promise<{ config: ClientConfig; enrolled: boolean }> {
  const { deployment, root } = (await (await fetch('/v1/deployment')).json()) as Record<string, string>;
  const config = defaultConfig({
    deployment: deployment ?? '',
    origin: location.origin,
    roots: [fromBase64url(root ?? '') ?? new Uint8Array()],
    crypto: webCrypto(),
    store: await indexedDbStore(`callsign-${deployment}`),
  });
  return { config, enrolled: (await restoreIdentity(config)) !== null };
}

export async function connectDevice(config: ClientConfig, events: ClientEvents): Promise<CallsignClient> {
  const identity = await restoreIdentity(config);
  if (!identity) throw new Error('not enrolled');
  const client = new CallsignClient(config, identity, events);
  await client.publishKeys();
  await client.connect();
  return client;
}

export async function enrollDevice(config: ClientConfig): Promise<void> {
  await enroll(config, developmentAttester(config.crypto));
}

/** Development's inbox stands where an e-mail would be read. */
export async function proveHandle(client: CallsignClient, handle: string): Promise<string> {
  return client.addHandle(handle, async () => {
    const answer = await fetch(`/v1/development/inbox?handle=${encodeURIComponent(`mail1:${handle.toLowerCase()}`)}`);
    return ((await answer.json()) as { code: string }).code;
  });
}
