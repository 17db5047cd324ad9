import { conformance } from './conformance.ts';
import { denoWorld } from './deno-world.ts';

conformance('Deno', denoWorld, 50);
