import { afterAll, beforeAll } from 'vitest';
import { aftermath } from './aftermath.ts';
import { bodies } from './bodies.ts';
import { directory } from './directory.ts';
import { pages } from './pages.ts';
import { proofs } from './proofs.ts';
import { sockets } from './sockets.ts';
import { sweep } from './sweep.ts';
import { openWorld, type World } from './world.ts';

let world: World;
beforeAll(async () => {
  world = await openWorld('deno');
});
afterAll(() => world?.server.stop());

bodies(() => world);
proofs(() => world);
sockets(() => world);
directory(() => world);
pages(() => world);
sweep(() => world);
aftermath(() => world);
