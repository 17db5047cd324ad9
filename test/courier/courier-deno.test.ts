import { courier } from './courier.ts';

courier('deno');
