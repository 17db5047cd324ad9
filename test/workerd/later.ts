/** The Worker of src/index.ts, started some days later than it is: CLOCK_AHEAD_MS. The product's own entry knows nothing of this. */
import { AHEAD_MS } from './shifted.ts';
import entry, { AccountActor, CallActor, DeviceActor } from '../../src/index.ts';

/** A bundler leaves out a module that nothing is taken from. */
if (!Number.isFinite(AHEAD_MS)) throw new Error('CLOCK_AHEAD_MS is no number');

export { AccountActor, CallActor, DeviceActor };
export default entry;
