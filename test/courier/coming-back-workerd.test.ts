import { comingBack } from './coming-back.ts';

comingBack('workerd');
