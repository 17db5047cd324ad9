import { everyPoint } from './every-point.ts';

everyPoint('deno');
