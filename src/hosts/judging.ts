/** What the settings say about evidence: policy, relying party, further anchors. Each refuses what cannot be with a sentence. */
import { configuredPolicy, developmentRules, unnamedApplications } from '../attestation/policy/configured.ts';
import { readCertificate } from '../attestation/path/certificate.ts';
import type { Policy } from '../attestation/policy/policy.ts';
import type { Anchor } from '../attestation/trust/store.ts';
import { fromBase64url } from '../bytes/base64url.ts';
import type { Services } from '../http/services.ts';
import { SecretsError } from './secrets.ts';
import type { Settings } from './services.ts';

/** A name, or a document; production takes none that anybody's software could satisfy. */
export function policyOf({ environment, policy: text }: Settings): Policy {
  const configured = configuredPolicy(text);
  if (!configured.ok)
    throw new SecretsError(`POLICY is ${JSON.stringify(text.slice(0, 64))}: ${configured.problems.join('; ')}.`);
  const { policy } = configured;
  const lenient = environment === 'production' ? developmentRules(policy) : [];
  if (lenient.length > 0)
    throw new SecretsError(
      `POLICY is ${policy.version}: production does not accept software keys (${lenient.join(', ')}).`,
    );
  return policy;
}

/** WebAuthn binds a credential to a domain, and pages of it register; both may be other names than the API's. */
export function relyingPartyOf({ origin, relyingParty }: Settings): Pick<Services['deployment'], 'rpId' | 'origins'> {
  const rpId = relyingParty.id ?? new URL(origin).hostname;
  const origins = relyingParty.origins.length > 0 ? relyingParty.origins : [origin];
  for (const page of origins) {
    const host = URL.canParse(page) && new URL(page).origin === page ? new URL(page).hostname : null;
    if (host === null || !(host === rpId || host.endsWith(`.${rpId}`)))
      throw new SecretsError(`RP_ORIGINS names ${page}: each must be an origin of RP_ID, which is ${rpId}.`);
  }
  return { rpId, origins };
}

const ANCHOR_FORMATS = ['packed', 'tpm', 'android-key', 'apple', 'android-keystore', 'app-attest', 'tpm2'] as const;

/** `<der>`: a virtual TPM. `<format>:<der>`: evidence of that format, in software. `receipt:<der>`: who signs App Attest receipts. */
export function anchorOf(text: string, index: number): Anchor {
  const [kind, body] = text.includes(':') ? (text.split(':') as [string, string]) : ['tpm2', text];
  const der = fromBase64url(body);
  const certificate = der && readCertificate(der);
  const format = ANCHOR_FORMATS.find((name) => name === (kind === 'receipt' ? 'app-attest' : kind));
  if (!certificate || format === undefined)
    throw new SecretsError(
      `ANCHORS must hold certificates, DER in base64url, separated by spaces, each alone or after \`<format>:\`, of ${ANCHOR_FORMATS.join(', ')}, or \`receipt:\`.`,
    );
  const virtual = format === 'tpm2' || format === 'tpm';
  return {
    id: `${virtual ? 'virtual-tpm' : 'development'}-${index + 1}`,
    certificate,
    class: kind === 'receipt' ? 'metadata' : virtual ? 'virtual-tpm' : 'software',
    formats: [format],
    vendor: 'this machine',
    aaguids: [],
    source: 'ANCHORS',
  };
}

/** Phones enroll only once the deployment names its applications; without a word its operator would look for the reason at every phone. */
export function tellUnnamed(policy: Policy, environment: Settings['environment'], log: Services['log']): void {
  if (environment !== 'production') return;
  for (const format of unnamedApplications(policy)) {
    const names = format === 'app-attest' ? 'apple.applications' : 'android.applications';
    log({ event: 'policy.names-no-application', policy: policy.version, format, setting: `POLICY: ${names}` });
  }
}
