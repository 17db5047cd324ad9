/** Every accepted vector, and evidence made here, mutated: no acceptance with a changed signed byte, no exception. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { vectorFolder } from '../../../cli/support/files.ts';
import { type Asked, evidenceOf } from '../../../cli/vectors/evidence.ts';
import { familyPolicy } from '../../../cli/vectors/policy.ts';
import { readVectorFile, text, type Vector, type VectorFile } from '../../../cli/vectors/vector.ts';
import {
  attestInDevelopment,
  developmentAnchor,
  makeDevelopmentRoot,
} from '../../../src/attestation/development/attester.ts';
import type { Evidence } from '../../../src/attestation/format.ts';
import { readCertificate } from '../../../src/attestation/path/certificate.ts';
import type { Policy } from '../../../src/attestation/policy/policy.ts';
import { policies } from '../../../src/attestation/policy/shipped.ts';
import { builtInTrust } from '../../../src/attestation/trust/load.ts';
import type { TrustStore } from '../../../src/attestation/trust/store.ts';
import type { Verdict } from '../../../src/attestation/verdict.ts';
import { verifyEvidence } from '../../../src/attestation/verify.ts';
import { base64url, fromBase64url } from '../../../src/bytes/base64url.ts';
import { type Cbor, CBOR_LIMITS, cborMap, encodeCbor, readCbor } from '../../../src/bytes/cbor.ts';
import { hex } from '../../../src/bytes/hex.ts';
import { readAuthenticatorData } from '../../../src/attestation/webauthn/authenticator-data.ts';
import { mutate } from '../mutate.ts';
import { Finding, type Random, type Target } from '../target.ts';

interface Sample extends Asked {
  readonly id: string;
  readonly policy: Policy;
  readonly trust: TrustStore;
  readonly signed: string;
}

let samples: readonly Sample[] = [];

export const evidence: Target = {
  name: 'evidence',

  async prepare() {
    samples = [...(await recorded()), await made()];
    return true;
  },

  async once(random) {
    const sample = random.pick(samples);
    const changed = change(sample.evidence, random);
    const verdict = await verifyEvidence(changed, sample.expected, sample.trust, sample.policy);
    if (verdict.decision !== 'accept') return 'refused';
    if (signedBytes(changed, verdict) === sample.signed) return 'accepted, signed bytes unchanged';
    throw new Finding(`${sample.id}: accepted with changed signed bytes: ${JSON.stringify(changed)}`);
  },
};

async function recorded(): Promise<readonly Sample[]> {
  if (!existsSync(vectorFolder)) {
    console.log(`no vectors at ${vectorFolder}: only evidence made here is mutated; set CALLSIGN_VECTORS`);
    return [];
  }
  const trust = builtInTrust();
  const found: Sample[] = [];
  for (const name of readdirSync(vectorFolder).filter((file) => file.endsWith('.json'))) {
    const file = readVectorFile(join(vectorFolder, name));
    for (const vector of file.vectors) {
      const asked = evidenceOf(vector);
      if (asked !== null) found.push(...(await accepted(vector.id, asked, policyOf(file, vector), trust)));
    }
  }
  return found;
}

function policyOf(file: VectorFile, { input }: Vector): Policy {
  const policy = familyPolicy(file);
  if (input['teamId'] === undefined) return policy;
  const applications = [`${text(input['teamId'])}.${text(input['bundleId'])}`];
  return { ...policy, apple: { applications, environments: ['production', 'development'] } };
}

async function made(): Promise<Sample> {
  const now = Date.UTC(2026, 0, 1);
  const root = await makeDevelopmentRoot(now, new Uint8Array(16).fill(1));
  const ceremony = { challenge: new Uint8Array(32), rpId: 'localhost', origin: 'http://localhost' };
  const { evidence: sent } = await attestInDevelopment(root, ceremony, now, new Uint8Array(48).fill(2));
  const expected = {
    transcript: ceremony.challenge,
    identityKey: new Uint8Array(),
    now,
    rpId: ceremony.rpId,
    origins: [ceremony.origin],
  };
  const trust = builtInTrust({}, [developmentAnchor(root.certificate)!]);
  const [sample] = await accepted('development', { evidence: sent, expected }, policies.development, trust);
  if (sample === undefined) throw new Finding('development evidence is not accepted as it was made');
  return sample;
}

/** Formats without any signature prove nothing, so nothing about them can be broken. */
async function accepted(id: string, asked: Asked, policy: Policy, trust: TrustStore): Promise<readonly Sample[]> {
  const verdict = await verifyEvidence(asked.evidence, asked.expected, trust, policy);
  if (verdict.decision !== 'accept' || verdict.format === 'none') return [];
  return [{ id, ...asked, policy, trust, signed: signedBytes(asked.evidence, verdict) }];
}

/** One field mutated as bytes, or one value inside an attestation object. */
function change(sent: Evidence, random: Random): Evidence {
  const chain = sent['certificateChain'];
  if (Array.isArray(chain)) {
    const certificates = chain.map(String);
    const at = random.next(certificates.length);
    certificates[at] = base64url(mutate(decoded(certificates[at]), random, certificates.map(decoded)));
    return { ...sent, certificateChain: certificates };
  }
  const field = random.pick(Object.keys(sent).filter((name) => name !== 'format'));
  const value = decoded(sent[field]);
  const inner = field === 'attestationObject' && random.next(3) > 0;
  return { ...sent, [field]: base64url(inner ? mutateInside(value, random) : mutate(value, random)) };
}

function decoded(field: unknown): Uint8Array<ArrayBuffer> {
  return (typeof field === 'string' ? fromBase64url(field) : null) ?? new Uint8Array();
}

/** Re-encodes the object after one of its byte strings was mutated, so that the mutation gets past the first reader. */
function mutateInside(bytes: Uint8Array, random: Random): Uint8Array {
  const object = cborMap(readCbor(bytes, { ...CBOR_LIMITS, keyOrder: 'any' }));
  return object === null ? mutate(bytes, random) : encodeCbor(mutateValue(object, random));
}

function mutateValue(value: Cbor, random: Random): Cbor {
  if (value instanceof Uint8Array) return mutate(value, random);
  if (value instanceof Map) {
    const key = random.pick([...value.keys()]);
    return new Map(value).set(key, mutateValue(value.get(key) ?? null, random));
  }
  if (Array.isArray(value) && value.length > 0) {
    const members = [...(value as readonly Cbor[])];
    const at = random.next(members.length);
    members[at] = mutateValue(members[at]!, random);
    return members;
  }
  if (typeof value === 'number') return value + random.next(5) - 2;
  return typeof value === 'string' ? `${value}${random.next(10)}` : value;
}

/** What a maker signed, as text: the bodies of the path's certificates, and what the statement is over. */
function signedBytes(sent: Evidence, verdict: Verdict): string {
  const path = Array.isArray(verdict.facts['chain']) ? verdict.facts['chain'].length : 0;
  const chain = sent['certificateChain'];
  if (Array.isArray(chain)) return bodies(chain.map(decoded), path);
  const object = cborMap(readCbor(decoded(sent['attestationObject']), { ...CBOR_LIMITS, keyOrder: 'any' }));
  const statement = cborMap(object?.get('attStmt'));
  const authData = object?.get('authData');
  const x5c = statement?.get('x5c');
  const certificates = Array.isArray(x5c) ? (x5c as readonly Cbor[]).map((one) => one as Uint8Array) : [];
  const data = authData instanceof Uint8Array ? authData : new Uint8Array();
  const covered = verdict.format === 'fido-u2f' ? u2fCovered(data) : hex(data);
  const measured =
    verdict.format === 'tpm' ? `${bytesOf(statement?.get('certInfo'))}.${bytesOf(statement?.get('pubArea'))}` : '';
  return [covered, String(sent['clientDataJSON'] ?? sent['keyId']), bodies(certificates, path), measured].join('|');
}

/** U2F signs neither flags, counter nor AAGUID. */
function u2fCovered(data: Uint8Array): string {
  const credential = readAuthenticatorData(data)?.credential;
  const key = credential === null || credential === undefined ? '' : hex(encodeCbor(credential.publicKey));
  return `${hex(data.subarray(0, 32))}.${hex(credential?.credentialId ?? new Uint8Array())}.${key}`;
}

function bytesOf(value: Cbor | undefined): string {
  return value instanceof Uint8Array ? hex(value) : '';
}

function bodies(certificates: readonly Uint8Array[], path: number): string {
  return certificates
    .slice(0, path)
    .map((der) => hex(readCertificate(der)?.tbs ?? der))
    .join(',');
}
