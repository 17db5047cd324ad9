import { operator, type Operator } from '../../cli/support/server.ts';
import { type HostName, type Server, startServer } from '../../demo/server.ts';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';

/** A server, and its operator's view. */
export async function watched(host: HostName): Promise<{ server: Server; feed: Operator }> {
  const secrets = await makeDevelopmentSecrets(Date.now());
  const server = await startServer(host, secrets, {});
  const key = (JSON.parse(secrets.CALLSIGN_KEYS) as { operator: string }).operator;
  return { server, feed: operator({ CALLSIGN_URL: server.url, CALLSIGN_OPERATOR_KEY: key }) };
}
