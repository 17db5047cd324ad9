/** Registration of a WebAuthn credential (L3 §7.1): the ceremony, then the attestation statement, then what policy makes of the key. */
import { sha256 } from '@noble/hashes/sha2.js';
import { base64url } from '../../bytes/base64url.ts';
import { type Cbor, CBOR_LIMITS, cborBytes, cborMap, readCbor } from '../../bytes/cbor.ts';
import { concat } from '../../bytes/join.ts';
import type { Checklist } from '../checklist.ts';
import type { Expected, Finding } from '../format.ts';
import type { Policy } from '../policy/policy.ts';
import { readSpki } from '../path/public-key.ts';
import { weakness } from '../path/weak-key.ts';
import {
  aaguidText,
  type AttestedCredential,
  type AuthenticatorData,
  readAuthenticatorData,
} from './authenticator-data.ts';
import { judgeClientData, judgeHeader } from './ceremony.ts';
import { readCoseKey } from './cose-key.ts';
import { hasExactly } from './fields.ts';
import type { AnyStatementFormat, Judging, Registration, StatementFinding } from './statement.ts';

/** Evidence of the road `webauthn`, decoded. */
export interface WebauthnEvidence {
  readonly format: string;
  readonly statement: Cbor;
  readonly authenticatorData: Uint8Array<ArrayBuffer>;
  readonly data: AuthenticatorData;
  readonly credential: AttestedCredential;
  readonly clientDataJson: Uint8Array<ArrayBuffer>;
}

/** Browsers write the outer map, and old ones in an order of their own; what authenticators write is canonical. */
const ATTESTATION_OBJECT = { ...CBOR_LIMITS, keyOrder: 'any' } as const;

/** attestationObject (§6.5.4): exactly fmt, attStmt and authData, and the latter with a credential. */
export function readWebauthn(
  attestationObject: Uint8Array,
  clientDataJson: Uint8Array<ArrayBuffer>,
): WebauthnEvidence | null {
  const object = cborMap(readCbor(attestationObject, ATTESTATION_OBJECT));
  const format = object?.get('fmt');
  const authenticatorData = cborBytes(object?.get('authData'));
  const statement = object?.get('attStmt');
  if (object === null || !hasExactly(object, 'fmt', 'attStmt', 'authData')) return null;
  if (typeof format !== 'string' || statement === undefined || authenticatorData === null) return null;
  const data = readAuthenticatorData(authenticatorData);
  const credential = data?.credential ?? null;
  if (data === null || credential === null) return null;
  return { format, statement, authenticatorData, data, credential, clientDataJson };
}

export async function verifyRegistration(
  evidence: WebauthnEvidence,
  format: AnyStatementFormat,
  expected: Expected,
  judging: Judging,
  steps: Checklist,
): Promise<Finding> {
  const registration = judgeCeremony(evidence, expected, judging, steps);
  const found = await format.verify(evidence.statement, registration, judging, steps);
  const attestedKey = judgeKey(registration, judging, steps);
  return { assurance: assurance(found), attestedKey, identityBinding: 'vouched' };
}

function assurance(found: StatementFinding): Finding['assurance'] {
  return { ...found, identityKeyHardware: 'unproven' };
}

/** Steps 5 to 19. */
function judgeCeremony(
  evidence: WebauthnEvidence,
  expected: Expected,
  { policy }: Judging,
  steps: Checklist,
): Registration {
  const ceremony = {
    type: 'webauthn.create',
    challenge: expected.transcript,
    rpId: expected.rpId,
    origins: expected.origins,
    section: '§7.1',
    clientDataStep: 7,
    authenticatorStep: 14,
  } as const;
  judgeClientData(evidence.clientDataJson, ceremony, policy, steps);
  const clientDataHash = Uint8Array.from(sha256(evidence.clientDataJson));
  const { data, credential } = evidence;
  judgeHeader(data, ceremony, policy, steps);
  steps.rule(
    !data.flags.backupEligible || policy.webauthn.syncable,
    'webauthn.syncable',
    'WebAuthn L3 §7.1 step 18',
    'syncable',
    `BE is ${data.flags.backupEligible}: ${data.flags.backupEligible ? 'the key may be copied to other devices' : 'the key stays in one device'}`,
  );
  record(data, steps);
  judgeAaguid(aaguidText(credential.aaguid), policy, steps);
  return {
    header: data,
    credential,
    key: readCoseKey(credential.publicKey),
    authenticatorData: evidence.authenticatorData,
    clientDataHash,
    signed: concat(evidence.authenticatorData, clientDataHash),
  };
}

/** On the claim alone: whether the claim is true is the statement's to show. */
function judgeAaguid(name: string, { webauthn: { aaguidAllow, aaguidDeny } }: Policy, steps: Checklist): void {
  steps.rule(
    !aaguidDeny.includes(name) && (aaguidAllow === null || aaguidAllow.includes(name)),
    'policy.aaguid',
    'policy webauthn.aaguidAllow, aaguidDeny',
    'aaguid-refused',
    `policy takes AAGUID ${name}`,
  );
}

function record(data: AuthenticatorData, steps: Checklist): void {
  if (data.credential !== null) {
    steps.fact('aaguid', aaguidText(data.credential.aaguid));
    steps.fact('credentialId', base64url(data.credential.credentialId));
  }
  steps.fact('signCount', data.signCount);
  steps.fact('backupEligible', data.flags.backupEligible);
  steps.fact('userVerified', data.flags.userVerified);
}

/** Step 20, judged last, so that refused evidence is refused first for what its proof lacks. */
function judgeKey({ key, credential }: Registration, { policy }: Judging, steps: Checklist): Uint8Array {
  const spec = 'WebAuthn L3 §7.1 step 20';
  const reason = key.ok ? 'signature-algorithm' : key.reason;
  const algorithm = credential.publicKey.get(3);
  const named = typeof algorithm === 'number' ? algorithm : 'none';
  steps.demand(key.ok, 'webauthn.credential-key', spec, reason, `credential key with algorithm ${named}`);
  steps.demand(
    policy.webauthn.algorithms.includes(key.algorithm),
    'webauthn.algorithm',
    spec,
    'signature-algorithm',
    `policy takes credential keys of algorithm ${key.algorithm}`,
  );
  const read = readSpki(key.spki);
  const weak = read === null ? 'not a key' : weakness(read);
  steps.demand(
    weak === null,
    'webauthn.weak-key',
    spec,
    'weak-key',
    weak ?? 'credential key is of an allowed kind and size',
  );
  steps.fact('credentialAlgorithm', key.algorithm);
  return key.spki;
}
