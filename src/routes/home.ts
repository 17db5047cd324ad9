import { html, raw } from 'hono/html';
import { base64url } from '../bytes/base64url.ts';
import { factory } from '../http/context.ts';
import { digest, digestOf } from '../http/digest.ts';

const STYLE = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; }
h2 { font-size: 1.1rem; margin-top: 2rem; }
dl { display: grid; grid-template-columns: minmax(8rem, auto) 1fr; gap: 0.3rem 1.2rem; }
dt { opacity: 0.75; }
dd { margin: 0; overflow-wrap: anywhere; }
code { font-size: 0.9em; }
.down { color: #b3261e; font-weight: bold; }
@media (prefers-color-scheme: dark) { .down { color: #ff8a80; } }
`;

const STYLE_ELEMENT = raw(`<style>${STYLE}</style>`);

/** No script, nothing from elsewhere, and no style but the one above, by its hash. */
const POLICY = [
  `default-src 'none'`,
  `style-src 'sha256-${base64url(digestOf(STYLE)).replaceAll('-', '+').replaceAll('_', '/')}='`,
  `base-uri 'none'`,
  `form-action 'none'`,
  `frame-ancestors 'none'`,
].join('; ');

const RESOURCES = [
  ['/openapi.json', 'the API as OpenAPI 3.1'],
  ['/healthz', 'whether the process answers'],
  ['/readyz', 'whether everything it stands on answers'],
  ['/v1/deployment', 'what a client’s configuration is compared with'],
  ['/.well-known/jwks.json', 'public keys of handle assertions and access tokens'],
  ['/v1/pki/ca', 'issuing certificate and root, PEM'],
  ['/v1/pki/crl', 'the revocation list'],
] as const;

/** Files of the source, which comes with this server. */
const PAGES = [
  ['README.md', 'what this is and how to run it'],
  ['docs/protocol.md', 'what goes between devices and a deployment'],
  ['docs/sdk.md', 'writing a client'],
  ['docs/operations.md', 'running a deployment'],
  ['docs/problems.md', 'every refusal, and what to do'],
] as const;

/** SHA-256 as people compare it: pairs of hexadecimal digits. */
function fingerprint(bytes: Uint8Array): string {
  return [...digest(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** The first page: for people who look at a deployment with a browser. */
export const home = factory.createApp().get('/', async (c) => {
  const { deployment, keys, policy, ready } = c.var.services;
  const missing = await ready();
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>Callsign</title>
        ${STYLE_ELEMENT}
      </head>
      <body>
        <main>
          <h1>Callsign</h1>
          <p>Calls between devices whose identities are attested by their hardware.</p>
          <h2>Deployment</h2>
          <dl>
            <dt>Status</dt>
            <dd>
              ${missing.length === 0 ? 'ready' : html`<span class="down">not ready: ${missing.join(', ')}</span>`}
            </dd>
            <dt>Environment</dt>
            <dd>
              ${deployment.environment}${deployment.environment === 'development' ? ': accepts software keys, for trying it out only' : ''}
            </dd>
            <dt>Deployment id</dt>
            <dd><code>${deployment.id}</code></dd>
            <dt>Public URL</dt>
            <dd><code>${deployment.origin}</code></dd>
            <dt>Attestation policy</dt>
            <dd>${policy.version}: ${policy.formats.join(', ')}</dd>
          </dl>
          <h2>Public keys</h2>
          <p>To compare with what clients pin; a page is no proof of them.</p>
          <dl>
            <dt>Root certificate</dt>
            <dd><code>${fingerprint(keys.root)}</code> (SHA-256)</dd>
            <dt>Issuing certificate</dt>
            <dd><code>${fingerprint(keys.issuer.certificate.der)}</code> (SHA-256)</dd>
            <dt>Directory key</dt>
            <dd><code>${keys.directory.keyId}</code></dd>
            <dt>Token key</dt>
            <dd><code>${keys.access.keyId}</code></dd>
          </dl>
          <h2>Resources</h2>
          <dl>
            ${RESOURCES.map(
              ([path, what]) =>
                html`<dt><a href="${path}">${path}</a></dt>
                  <dd>${what}</dd>`,
            )}
          </dl>
          <h2>Documentation</h2>
          <p>In the source of this server:</p>
          <dl>
            ${PAGES.map(
              ([file, what]) =>
                html`<dt><code>${file}</code></dt>
                  <dd>${what}</dd>`,
            )}
          </dl>
        </main>
      </body>
    </html> `;
  c.header('Content-Security-Policy', POLICY);
  c.header('Cache-Control', 'no-cache');
  return c.html(page);
});
