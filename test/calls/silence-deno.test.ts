import { silence } from './silence.ts';

silence('deno');
