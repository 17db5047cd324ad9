import { afterAll, beforeAll, expect, test } from 'vitest';
import { startProduct, type Product } from '../support/product.ts';

let product: Product;
beforeAll(async () => {
  product = await startProduct();
});
afterAll(() => product.stop());

test('the built Worker answers on both of its addresses with its first page, and static files come with the first', async () => {
  for (const base of [product.url, product.direct]) {
    expect((await fetch(`${base}/readyz`)).status).toBe(200);
    expect(await (await fetch(base)).text()).toContain('<title>Callsign</title>');
  }
  expect(await (await fetch(`${product.url}/robots.txt`)).text()).toContain('Disallow: /');
});

test('it starts again on its own state after SIGKILL, with migrations remembered', async () => {
  await product.kill();
  await expect(fetch(`${product.url}/healthz`)).rejects.toThrow('fetch failed');
  await product.start();
  expect((await fetch(`${product.url}/readyz`)).status).toBe(200);
});
