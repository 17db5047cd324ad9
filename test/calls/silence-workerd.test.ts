import { silence } from './silence.ts';

silence('workerd');
