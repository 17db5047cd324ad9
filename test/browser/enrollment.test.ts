/** Browsers and TPMs enroll at real servers: a page with a TPM behind it, one with Chromium's own authenticator, and a machine. */
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configFor } from '../../demo/people.ts';
import { type HostName, type Server, startServer } from '../../demo/server.ts';
import { base64url, fromBase64url } from '../../src/bytes/base64url.ts';
import { makeDevelopmentSecrets } from '../../src/hosts/secrets.ts';
import { readIdentity } from '../../src/identity/certificate.ts';
import { enroll, tpmAttester } from '../../src/sdk/index.ts';
import { TpmIdentity } from '../../src/sdk/tpm/identity.ts';
import { ATTESTATION_KEY_RSA } from '../../src/sdk/tpm/templates.ts';
import * as authenticator from '../attestation/support/tpm-authenticator.ts';
import { type Factory, makeFactory, provision, template } from '../attestation/support/tpm-factory.ts';
import { chromiumInstalled, openBrowser, servePage } from '../support/chromium.ts';
import { type SoftwareTpm, startSwtpm, swtpmInstalled } from '../support/swtpm.ts';
import type { Outcome } from './enroll-in-page.ts';

/** `standard`, for machines whose TPM is software: its root and no other becomes acceptable. */
const POLICY = JSON.stringify({
  base: 'standard',
  version: 'standard-virtual-tpm',
  anchorClasses: ['hardware', 'virtual-tpm'],
  hardware: [
    'strongbox',
    'tee',
    'secure-enclave',
    'discrete-tpm',
    'firmware-tpm',
    'tpm',
    'security-key',
    'virtual-tpm',
  ],
  webauthn: { knownAaguid: false },
});

let machine: SoftwareTpm;
let factory: Factory;
let authority: authenticator.PrivacyCa;
let aik: authenticator.Aik;
let browser: Browser;
let site: Awaited<ReturnType<typeof servePage>>;

beforeAll(async () => {
  if (swtpmInstalled) {
    machine = await startSwtpm();
    factory = await makeFactory();
    authority = await authenticator.makePrivacyCa();
    aik = await authenticator.makeAik(machine.tpm, authority);
  }
  if (!chromiumInstalled) return;
  const entryPoints = ['test/browser/enroll-in-page.ts'];
  const { outputFiles } = await build({ entryPoints, bundle: true, write: false, format: 'iife', target: 'es2024' });
  const script = outputFiles[0]!.text.replaceAll('</script', '<\\/script');
  site = await servePage(`<!doctype html><title>Enroll</title><script>${script}</script>`);
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  await site?.close();
  await machine?.stop();
});

async function serve(host: HostName, policy: string): Promise<Server> {
  const roots = [factory?.anchor, authority?.trust.anchors[0]].map(
    (anchor) => anchor && base64url(anchor.certificate.der),
  );
  const pages = site ? { RP_ID: 'localhost', RP_ORIGINS: site.origin, ALLOWED_ORIGINS: site.origin } : {};
  const anchors = roots[0] && roots[1] ? { ANCHORS: `${roots[0]} tpm:${roots[1]}` } : {};
  return startServer(host, await makeDevelopmentSecrets(Date.now()), { ...pages, ...anchors, POLICY: policy });
}

/** The platform's part of navigator.credentials.create, answered by the TPM; the page and the SDK know nothing of it. */
async function bridge(page: Page, change: Partial<authenticator.Ceremony> = {}): Promise<void> {
  await page.exposeFunction('platformAuthenticator', async (challenge: string, origin: string, rpId: string) => {
    const ceremony = { challenge: fromBase64url(challenge)!, origin, rpId, ...change };
    return authenticator.webauthnEvidence(await authenticator.create(machine.tpm, aik, ceremony));
  });
  await page.addInitScript(`
    const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
    const bytes = (value) => Uint8Array.from(atob(value.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0)).buffer;
    navigator.credentials.create = async ({ publicKey }) => {
      const made = await platformAuthenticator(text(publicKey.challenge), location.origin, publicKey.rp.id);
      const id = new Uint8Array(16);
      return {
        id: text(id), rawId: id.buffer, type: 'public-key', getClientExtensionResults: () => ({}),
        response: { attestationObject: bytes(made.attestationObject), clientDataJSON: bytes(made.clientDataJSON) },
      };
    };`);
}

/** Chromium's own authenticator, which is software. */
async function virtualAuthenticator(page: Page): Promise<void> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('WebAuthn.enable', { enableUI: false });
  const user = { hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true };
  const options = { protocol: 'ctap2', transport: 'internal', hasResidentKey: true, ...user } as const;
  await devtools.send('WebAuthn.addVirtualAuthenticator', { options });
}

async function enrollPage(server: Server, prepare: (page: Page) => Promise<void>): Promise<Outcome> {
  const page = await browser.newPage();
  await prepare(page);
  await page.goto(site.origin);
  const outcome = await page.evaluate<Outcome>(`enrollHere(${JSON.stringify(server.url)})`);
  await page.close();
  return outcome;
}

describe.each(['workerd', 'deno'] as const)('at a server on %s', (host) => {
  let server: Server;
  beforeAll(async () => {
    server = await serve(host, POLICY);
  });
  afterAll(() => server.stop(), 60_000);

  describe.skipIf(!swtpmInstalled).each([
    ['RSA', 'L-1', ATTESTATION_KEY_RSA],
    ['elliptic', 'L-2', undefined],
  ] as const)('a TPM with an %s endorsement key', (_, name, attestationKey) => {
    it('enrolls: its identity key is the attested one', async () => {
      const own = await startSwtpm();
      await provision(own, factory, template(name));
      const identity = await TpmIdentity.create(own.tpm, attestationKey ? { attestationKey } : {});
      const deployment = (await (await fetch(`${server.url}/v1/deployment`)).json()) as Parameters<typeof configFor>[1];
      const enrolled = await enroll(configFor(server.url, deployment), tpmAttester(identity));
      expect(readIdentity(enrolled.identity.chain[0]!)!.assurance).toMatchObject({
        format: 'tpm2',
        binding: 'key-attested',
        attestedKeyHardware: 'virtual-tpm',
        policy: 'standard-virtual-tpm',
      });
      await own.stop();
    });
  });

  describe.skipIf(!swtpmInstalled || !chromiumInstalled)('a page with a TPM behind its browser', () => {
    it('enrolls with a statement that the TPM made', async () => {
      expect(await enrollPage(server, bridge)).toMatchObject({
        ok: true,
        verdict: { format: 'tpm', identityBinding: 'vouched', attestedKeyHardware: 'virtual-tpm' },
      });
    });

    it.each([
      ['transcript', { challenge: new Uint8Array(32) }, 'challenge'],
      ['page', { origin: 'https://calls.example' }, 'origin'],
      ['relying party', { rpId: 'calls.example' }, 'origin'],
    ])('is refused when the TPM signed for another %s', async (_, change, reason) => {
      expect(await enrollPage(server, (page) => bridge(page, change))).toEqual({ ok: false, reason });
    });
  });

  it.skipIf(!chromiumInstalled)('a page with an authenticator in software is refused', async () => {
    expect(await enrollPage(server, virtualAuthenticator)).toEqual({ ok: false, reason: 'hardware' });
  });
});

describe.skipIf(!chromiumInstalled)('at a server of a developer', () => {
  it('a page with an authenticator in software is certified, as software', async () => {
    const server = await serve('deno', 'development');
    expect(await enrollPage(server, virtualAuthenticator)).toMatchObject({
      ok: true,
      verdict: { format: 'packed', attestedKeyHardware: 'software', policy: 'development-1' },
    });
    await server.stop();
  });
});
