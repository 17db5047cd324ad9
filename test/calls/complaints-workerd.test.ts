import { complaints } from './complaints.ts';

complaints('workerd');
