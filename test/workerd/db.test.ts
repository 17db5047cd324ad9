import { env } from 'cloudflare:workers';
import { applyD1Migrations, type D1Migration } from 'cloudflare:test';
import { beforeAll } from 'vitest';
import { database } from '../../src/db/database.ts';
import { repositories } from '../db/repositories.ts';

const { DB, MIGRATIONS } = env as unknown as { DB: D1Database; MIGRATIONS: D1Migration[] };

beforeAll(() => applyD1Migrations(DB, MIGRATIONS));

repositories('D1 in workerd', async () => database(DB));
