/** Registrations made by a real page in a real browser: with a TPM behind it, and with Chromium's authenticator in software. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { policies } from '../../src/attestation/policy/shipped.ts';
import type { Policy } from '../../src/attestation/policy/policy.ts';
import { builtInTrust } from '../../src/attestation/trust/load.ts';
import type { TrustStore } from '../../src/attestation/trust/store.ts';
import { verifyEvidence } from '../../src/attestation/verify.ts';
import { fromBase64url } from '../../src/bytes/base64url.ts';
import type { Aik, PrivacyCa } from '../attestation/support/tpm-authenticator.ts';
import * as authenticator from '../attestation/support/tpm-authenticator.ts';
import { TEST_NOW } from '../attestation/support/ca.ts';
import { chromiumInstalled, openBrowser, servePage } from '../support/chromium.ts';
import type { SoftwareTpm } from '../support/swtpm.ts';
import { startSwtpm, swtpmInstalled } from '../support/swtpm.ts';

/** What a page does to enroll: one call of navigator.credentials.create, and what came back as JSON. */
const PAGE = `<!doctype html><title>Enroll</title><script>
const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
async function enroll(challenge) {
  const publicKey = {
    challenge: new Uint8Array(challenge),
    rp: { id: 'localhost', name: 'Calls' },
    user: { id: new Uint8Array(16), name: 'somebody', displayName: 'Somebody' },
    pubKeyCredParams: [{ type: 'public-key', alg: -7 }],
    attestation: 'direct',
    authenticatorSelection: { userVerification: 'required' },
    timeout: 120000,
  };
  const { response } = await navigator.credentials.create({ publicKey });
  return { format: 'webauthn', attestationObject: text(response.attestationObject), clientDataJSON: text(response.clientDataJSON) };
}
</script>`;

interface Answer {
  readonly format: string;
  readonly attestationObject: string;
  readonly clientDataJSON: string;
}

describe.skipIf(!chromiumInstalled)('a page that enrolls', () => {
  let browser: Browser;
  let site: Awaited<ReturnType<typeof servePage>>;

  beforeAll(async () => {
    site = await servePage(PAGE);
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser.close();
    await site.close();
  });

  async function enroll(page: Page): Promise<{ evidence: Answer; challenge: Uint8Array }> {
    const challenge = crypto.getRandomValues(new Uint8Array(32));
    const evidence = await page.evaluate<Answer>(`enroll([${challenge.join()}])`);
    return { evidence, challenge };
  }

  function judge(
    { evidence, challenge }: Awaited<ReturnType<typeof enroll>>,
    trust: TrustStore,
    policy: Policy,
    now: number,
  ) {
    const expected = {
      transcript: challenge,
      identityKey: new Uint8Array(),
      now,
      rpId: 'localhost',
      origins: [site.origin],
    };
    return verifyEvidence({ ...evidence }, expected, trust, policy);
  }

  describe.skipIf(!swtpmInstalled)('with a TPM behind the browser', () => {
    let machine: SoftwareTpm;
    let authority: PrivacyCa;
    let aik: Aik;

    beforeAll(async () => {
      machine = await startSwtpm();
      authority = await authenticator.makePrivacyCa();
      aik = await authenticator.makeAik(machine.tpm, authority);
    });
    afterAll(() => machine.stop());

    /** The platform's part of navigator.credentials.create, answered by the TPM; the page knows nothing of it. */
    async function bridge(page: Page): Promise<void> {
      await page.exposeFunction('platformAuthenticator', async (challenge: string, origin: string, rpId: string) => {
        const ceremony = { challenge: fromBase64url(challenge)!, origin, rpId };
        return authenticator.webauthnEvidence(await authenticator.create(machine.tpm, aik, ceremony));
      });
      await page.addInitScript(`
        const bytes = (value) => Uint8Array.from(atob(value.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0)).buffer;
        navigator.credentials.create = async ({ publicKey }) => {
          const made = await platformAuthenticator(text(publicKey.challenge), location.origin, publicKey.rp.id);
          return { response: { attestationObject: bytes(made.attestationObject), clientDataJSON: bytes(made.clientDataJSON) } };
        };`);
    }

    it('is accepted under `standard`, and refused for another challenge', async () => {
      const page = await browser.newPage();
      await bridge(page);
      await page.goto(site.origin);
      const made = await enroll(page);
      expect(await judge(made, authority.trust, policies.standard, TEST_NOW)).toMatchObject({
        decision: 'accept',
        format: 'tpm',
        assurance: { attestedKeyHardware: 'discrete-tpm' },
      });
      const other = { ...made, challenge: new Uint8Array(32) };
      expect(await judge(other, authority.trust, policies.standard, TEST_NOW)).toMatchObject({
        reason: 'challenge-mismatch',
      });
      await page.close();
    });
  });

  it("with Chromium's software authenticator is refused under all policies but `development`", async () => {
    const page = await browser.newPage();
    await page.goto(site.origin);
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('WebAuthn.enable', { enableUI: false });
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    });
    const made = await enroll(page);
    const now = Date.now();
    for (const name of ['standard', 'consumer', 'strict'] as const) {
      const verdict = await judge(made, builtInTrust(), policies[name], now);
      expect(verdict).toMatchObject({ decision: 'refuse', format: 'packed' });
    }
    expect(await judge(made, builtInTrust(), policies.standard, now)).toMatchObject({
      reason: 'virtual-authenticator',
    });
    expect(await judge(made, builtInTrust(), policies.development, now)).toMatchObject({
      decision: 'accept',
      assurance: { attestedKeyHardware: 'software' },
    });
    await page.close();
  });
});
