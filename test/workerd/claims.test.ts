import { env } from 'cloudflare:workers';
import { ObjectActors } from '../../src/hosts/cloudflare/actors.ts';
import { claims } from '../port/claims.ts';
import { type Env, ways } from './probe-worker.ts';

const bound = env as unknown as Env;
const actors = new ObjectActors(ways(bound));

claims('a Durable Object of workerd', 1_000, async () => ({
  command: (to, key, body) => actors.command(to, key, body),
  close: async () => undefined,
}));
