import { courier } from './courier.ts';

courier('workerd');
