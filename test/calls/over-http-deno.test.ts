import { overHttp } from './over-http.ts';

overHttp('deno');
