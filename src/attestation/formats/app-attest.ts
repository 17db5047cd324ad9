/** App Attest (Apple, "Validating apps that connect to your server", Verify the attestation), its nine steps in order. */
import { sha256 } from '@noble/hashes/sha2.js';
import * as v from 'valibot';
import { base64url } from '../../bytes/base64url.ts';
import { cborBytes, cborMap, readCbor } from '../../bytes/cbor.ts';
import { concat, equal } from '../../bytes/join.ts';
import { fromUtf8 } from '../../bytes/utf8.ts';
import { appIdOf } from '../apple/app-id.ts';
import { appleNonce, systemVersion } from '../apple/credential.ts';
import { type Environment, judgeReceipt } from '../apple/judge-receipt.ts';
import type { Checklist } from '../checklist.ts';
import { bytesOfAtMost } from '../fields.ts';
import type { Format } from '../format.ts';
import type { Certificate } from '../path/certificate.ts';
import { judgePath } from '../path/judge.ts';
import { apple } from '../path/profiles/apple.ts';
import type { Policy } from '../policy/policy.ts';
import { recordPath } from '../trust/chain.ts';
import { anchorsFor } from '../trust/judge.ts';
import { type AttestedCredential, readAuthenticatorData } from '../webauthn/authenticator-data.ts';
import { readCoseKey } from '../webauthn/cose-key.ts';
import { hasExactly, readX5c } from '../webauthn/fields.ts';

const PAGE = 'Apple, Validating apps that connect to your server, attestation';
const FORMAT = 'apple-appattest';
const MAX_OBJECT = 16_384;

export interface AppAttestEvidence {
  /** What `generateKey` gave the app: SHA-256 of the public key. */
  readonly keyId: Uint8Array;
  readonly certificates: readonly Certificate[];
  readonly receipt: Uint8Array;
  readonly authenticatorData: Uint8Array;
  readonly rpIdHash: Uint8Array;
  readonly counter: number;
  readonly credential: AttestedCredential;
}

const schema = v.object({ attestationObject: bytesOfAtMost(MAX_OBJECT), keyId: bytesOfAtMost(64) });

export const appAttest: Format<AppAttestEvidence> = {
  id: 'app-attest',

  read(fields) {
    const result = v.safeParse(schema, fields);
    return result.success ? readObject(result.output.attestationObject, result.output.keyId) : null;
  },

  async verify(evidence, expected, trust, policy, steps: Checklist) {
    const { certificates, authenticatorData, keyId, credential } = evidence;
    const leaf = certificates[0]!;
    // Step 1: leaf and intermediate, valid under Apple's App Attestation root.
    const two = certificates.length === 2;
    steps.demand(
      two,
      'app-attest.certificates',
      `${PAGE} step 1`,
      'chain-invalid',
      `${certificates.length} of 2 certificates`,
    );
    const anchors = anchorsFor(trust, 'app-attest');
    const query = { chain: certificates, anchors, now: expected.now, profile: apple };
    const { path, anchor } = await judgePath(query, policy, steps);
    recordPath(path, steps);
    // Steps 2 to 4: the nonce in the certificate commits to the authenticator data and to our transcript.
    const clientDataHash = sha256(expected.transcript);
    const stated = steps.present(
      appleNonce(leaf),
      'app-attest.nonce',
      `${PAGE} step 4`,
      'malformed',
      'nonce extension',
    );
    const bound = equal(stated, sha256(concat(authenticatorData, clientDataHash)));
    steps.demand(
      bound,
      'app-attest.challenge',
      `${PAGE} steps 2 to 4`,
      'challenge-mismatch',
      'nonce over authData and transcript',
    );
    // Step 5: the key identifier is the hash of the certificate's key, and the key in authData is that key.
    demandKey(evidence, leaf, steps);
    // Step 6: the app is one of ours.
    const appId = judgeApplication(evidence, policy, steps);
    // Step 7: a new key has signed nothing.
    steps.demand(
      evidence.counter === 0,
      'app-attest.counter',
      `${PAGE} step 7`,
      'counter',
      `counter ${evidence.counter}`,
    );
    // Step 8: the environment.
    const environment = judgeEnvironment(credential, policy, steps);
    // Step 9.
    const named = equal(credential.credentialId, keyId);
    steps.demand(
      named,
      'app-attest.credential-id',
      `${PAGE} step 9`,
      'key-mismatch',
      'credentialId is the key identifier',
    );
    steps.fact('app', { keyId: base64url(keyId), appId, environment, systemVersion: systemVersion(leaf) });
    const about = { appId, environment, clientDataHash, key: leaf.spki };
    await judgeReceipt(evidence.receipt, about, expected, trust, steps);
    return {
      assurance: {
        attestedKeyHardware: 'secure-enclave',
        identityKeyHardware: 'unproven',
        freshness: 'challenge',
        trustAnchor: anchor.id,
      },
      attestedKey: leaf.spki,
      identityBinding: 'vouched',
    };
  },
};

function readObject(bytes: Uint8Array, keyId: Uint8Array): AppAttestEvidence | null {
  const object = cborMap(readCbor(bytes));
  const statement = cborMap(object?.get('attStmt'));
  const authenticatorData = cborBytes(object?.get('authData'));
  const data = authenticatorData === null ? null : readAuthenticatorData(authenticatorData);
  if (object === null || !hasExactly(object, 'fmt', 'attStmt', 'authData') || object.get('fmt') !== FORMAT) return null;
  if (statement === null || !hasExactly(statement, 'x5c', 'receipt')) return null;
  const certificates = readX5c(statement.get('x5c'));
  const receipt = cborBytes(statement.get('receipt'));
  if (certificates === null || receipt === null || authenticatorData === null || !data?.credential) return null;
  const { rpIdHash, signCount, credential } = data;
  return { keyId, certificates, receipt, authenticatorData, rpIdHash, counter: signCount, credential };
}

function demandKey({ keyId, credential }: AppAttestEvidence, leaf: Certificate, steps: Checklist): void {
  const rule = `${PAGE} step 5`;
  const { key } = leaf;
  const elliptic = key.kind === 'ec' && key.curve === 'P-256';
  steps.demand(elliptic, 'app-attest.key', rule, 'signature-algorithm', 'a P-256 key');
  steps.demand(
    equal(sha256(key.point), keyId),
    'app-attest.key-id',
    rule,
    'key-mismatch',
    'key identifier is the hash of the key',
  );
  const cose = readCoseKey(credential.publicKey);
  const same = cose.ok && equal(cose.spki, leaf.spki);
  steps.demand(
    same,
    'app-attest.credential-key',
    'WebAuthn L3 §6.5.1',
    'key-mismatch',
    "credential key is the certificate's key",
  );
}

function judgeApplication({ rpIdHash }: AppAttestEvidence, policy: Policy, steps: Checklist): string | null {
  const appId = appIdOf(rpIdHash, policy.apple.applications);
  const detail = appId ?? 'none of the App IDs that policy names';
  steps.rule(appId !== null, 'app-attest.application', `${PAGE} step 6`, 'application', detail);
  return appId;
}

/** `appattestdevelop`, or `appattest` and seven zero bytes. */
function judgeEnvironment({ aaguid }: AttestedCredential, policy: Policy, steps: Checklist): Environment {
  const rule = `${PAGE} step 8`;
  const name = fromUtf8(aaguid);
  const environment =
    name === 'appattestdevelop' ? 'development' : name === `appattest${'\0'.repeat(7)}` ? 'production' : null;
  const known = steps.present(
    environment,
    'app-attest.aaguid',
    rule,
    'attributes',
    'AAGUID of one of the environments',
  );
  const allowed = policy.apple.environments.includes(known);
  steps.rule(allowed, 'app-attest.environment', rule, 'environment', known);
  return known;
}
