import { factory } from '../http/context.ts';
import { openapi } from '../http/openapi.ts';

const HOUR_S = 3_600;
let made: { readonly origin: string; readonly text: string } | null = null;

/** The document that docs/openapi.json is a copy of, with this deployment's own URL. Made when it is first asked for. */
export const description = factory.createApp().get('/openapi.json', (c) => {
  const { origin } = c.var.services.deployment;
  if (made?.origin !== origin) made = { origin, text: JSON.stringify(openapi(origin)) };
  return c.body(made.text, 200, {
    'Content-Type': 'application/json',
    'Cache-Control': `public, max-age=${HOUR_S}`,
  });
});
