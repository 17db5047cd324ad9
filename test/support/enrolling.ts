/** A client that makes each part of its enrollment by hand, so that a test can spoil exactly one. */
import { enrollmentTranscript } from '../../src/attestation/transcript.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import { attestedFields, type EnrollmentFields } from '../../src/bytes/transcript.ts';
import { accountBytes, accountIdOf, deviceBytes } from '../../src/directory/account.ts';
import { draft, genesisOf } from '../../src/directory/manifest/write.ts';
import { digest, digestOf } from '../../src/http/digest.ts';
import { requestBody, signedRequest } from '../../src/identity/request.ts';
import type { SigningKey } from '../../src/sdk/crypto/provider.ts';
import { spkiOf } from '../../src/sdk/crypto/point.ts';
import { signManifest } from '../../src/sdk/manifests.ts';
import type { TestKey } from '../attestation/support/ca.ts';

export type Ask = (path: string, body: object) => Promise<Response>;

export interface Spoil {
  /** What the hardware signs, where it is not what the server expects. */
  readonly signs?: Partial<EnrollmentFields>;
  /** What the certification request carries. */
  readonly requests?: Partial<EnrollmentFields>;
  /** The key that asks for a certificate, where it is not the one in the manifest. */
  readonly asks?: SigningKey;
  /** The format of the evidence, where it is not the challenge's. */
  readonly sends?: string;
}

export interface Maker {
  readonly format: string;
  /** A fresh identity key, and evidence by which hardware vouches for it over these 32 bytes. */
  make(): Promise<{
    readonly key: SigningKey;
    readonly evidence: (transcript: Uint8Array<ArrayBuffer>, token: string) => Promise<Record<string, unknown>>;
    /** Nothing more will be signed. */
    readonly done?: () => Promise<void>;
  }>;
}

/** ES256 by a test key, as a client signs. */
export function signer(key: TestKey): SigningKey {
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
  return {
    publicKey: key.spki.slice(-65),
    sign: async (message) => new Uint8Array(await crypto.subtle.sign(algorithm, key.privateKey, message.slice())),
  };
}

const TERMS = { handles: [], recovery: { policy: 'delay' as const, delayHours: 24, handles: [] }, minProtocol: 1 };

/** First device of a new account, whole but for what is spoiled. */
export async function attempt(ask: Ask, maker: Maker, spoil: Spoil = {}): Promise<Response> {
  const { token, device, origin, serverNow } = (await (
    await ask('/v1/enrollments/challenges', { format: maker.format })
  ).json()) as { token: string; device: string; origin: string; serverNow: number };
  const { key, evidence, done } = await maker.make();
  const listed = { id: device, key: base64url(spkiOf(key.publicKey)) };
  const genesis = genesisOf(listed, serverNow, TERMS);
  const account = accountIdOf(digest(draft(genesis).payload));
  const fields: EnrollmentFields = {
    origin,
    format: maker.format,
    nonce: digestOf(token),
    purpose: 'enrol',
    deviceId: deviceBytes(device)!,
    identityKey: spkiOf(key.publicKey),
    accountId: accountBytes(account)!,
  };
  const signed = enrollmentTranscript({ ...attestedFields(fields), ...spoil.signs });
  const asking = spoil.asks ?? key;
  const body = requestBody(spkiOf(asking.publicKey), enrollmentTranscript({ ...fields, ...spoil.requests }));
  const request = {
    token,
    format: spoil.sends ?? maker.format,
    evidence: await evidence(signed, token),
    csr: base64url(signedRequest(body, await asking.sign(body))),
    manifest: await signManifest(genesis, [{ kid: device, key }]),
  };
  await done?.();
  return ask('/v1/enrollments', request);
}
