import { type Server, startServer } from '../../../demo/server.ts';
import { makeDevelopmentSecrets } from '../../../src/hosts/secrets.ts';

export interface Deployment {
  readonly server: Server;
  readonly deployment: string;
  readonly root: string;
}

/** A deployment of its own, one process, for pages of these origins as well. */
export async function deploy(origins: readonly string[] = []): Promise<Deployment> {
  const settings = { ALLOWED_ORIGINS: origins.join(' ') };
  const server = await startServer('deno', await makeDevelopmentSecrets(Date.now()), settings);
  const { deployment, root } = (await (await fetch(`${server.url}/v1/deployment`)).json()) as Deployment;
  return { server, deployment, root };
}
