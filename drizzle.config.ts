import { defineConfig } from 'drizzle-kit';

/** Run by `npm run db:generate`; the files it writes are committed and never changed afterwards. */
export default defineConfig({ dialect: 'sqlite', schema: './src/db/schema.ts', out: './migrations' });
