import { comingBack } from './coming-back.ts';

comingBack('deno');
