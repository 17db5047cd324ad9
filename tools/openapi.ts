/** Writes docs/openapi.json; `--check` fails when the committed file is another. */
import { readFileSync, writeFileSync } from 'node:fs';
import { openapi } from '../src/http/openapi.ts';

const FILE = 'docs/openapi.json';
const text = `${JSON.stringify(openapi('https://calls.example'), null, 2)}\n`;

if (!process.argv.includes('--check')) writeFileSync(FILE, text);
else if (readFileSync(FILE, 'utf8') !== text) {
  console.error(`${FILE} is not what the schemas say: npm run openapi`);
  process.exit(1);
}
