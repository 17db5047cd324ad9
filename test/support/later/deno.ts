/** The server of src/hosts/deno/main.ts, started some days later than it is: CLOCK_AHEAD_MS. The product's own entry knows nothing of this. */
import './shifted-deno.ts';
import '../../../src/hosts/deno/main.ts';
