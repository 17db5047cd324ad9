/** A page of an application: it enrolls its browser with the SDK, and says what came of it. */
import { fromBase64url } from '../../src/bytes/base64url.ts';
import { CallsignError, defaultConfig, enroll, memoryStore, webauthnAttester, webCrypto } from '../../src/sdk/index.ts';

export type Outcome =
  | { readonly ok: true; readonly verdict: object; readonly device: string }
  | { readonly ok: false; readonly reason: string };

async function enrollHere(origin: string): Promise<Outcome> {
  const told = (await (await fetch(`${origin}/v1/deployment`)).json()) as { deployment: string; root: string };
  const { deployment, root } = told;
  const roots = [fromBase64url(root)!];
  const config = defaultConfig({ deployment, origin, roots, crypto: webCrypto(), store: memoryStore() });
  try {
    const { verdict, identity } = await enroll(config, webauthnAttester(config.crypto));
    return { ok: true, verdict, device: identity.device };
  } catch (error) {
    return { ok: false, reason: error instanceof CallsignError ? error.reason : String(error) };
  }
}

Object.assign(globalThis, { enrollHere });
