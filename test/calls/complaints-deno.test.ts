import { complaints } from './complaints.ts';

complaints('deno');
