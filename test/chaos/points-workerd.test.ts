import { everyPoint } from './every-point.ts';

everyPoint('workerd');
