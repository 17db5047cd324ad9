import { conformance } from './conformance.ts';
import { simulatedWorld } from './sim-world.ts';

conformance('the simulator', async () => simulatedWorld(1), 500);
