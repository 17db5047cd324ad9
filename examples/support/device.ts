/** One device of a deployment in development, for the examples: enrolled, reachable under a handle if it has one, online. */
import {
  type Call,
  CallsignClient,
  defaultConfig,
  developmentAttester,
  enroll,
  memoryStore,
  webCrypto,
} from '../../src/sdk/index.ts';

export const ORIGIN = process.env['CALLSIGN_URL'] ?? 'http://127.0.0.1:8787';

async function inbox(handle: string): Promise<string> {
  const answer = await fetch(`${ORIGIN}/v1/development/inbox?handle=${encodeURIComponent(`mail1:${handle}`)}`);
  return ((await answer.json()) as { code: string }).code;
}

/** An application ships the deployment id and its root; only an example asks the network for them. */
export async function device(
  handle: string | null,
  incoming: (call: Call) => void = () => {},
): Promise<CallsignClient> {
  const { deployment, root } = (await (await fetch(`${ORIGIN}/v1/deployment`)).json()) as Record<string, string>;
  const config = defaultConfig({
    deployment: deployment!,
    origin: ORIGIN,
    roots: [new Uint8Array(Buffer.from(root!, 'base64url'))],
    crypto: webCrypto(),
    store: memoryStore(),
  });
  const { identity } = await enroll(config, developmentAttester(config.crypto));
  let online = () => {};
  const connected = new Promise<void>((resolve) => {
    online = resolve;
  });
  const client = new CallsignClient(config, identity, {
    incoming,
    online,
    suspicious: (about, reason) => console.error(`dropped: ${about}: ${reason}`),
  });
  await client.publishKeys();
  if (handle) await client.addHandle(handle, () => inbox(handle));
  await client.connect();
  await connected;
  return client;
}

/** Calls who answers to the handle. */
export async function dial(client: CallsignClient, handle: string): Promise<Call> {
  const peer = await client.find(handle, { claim: true });
  if (!peer) throw new Error(`nobody answers to ${handle}`);
  return client.call(peer, ['audio']);
}
