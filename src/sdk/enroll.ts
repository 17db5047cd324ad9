import type * as v from 'valibot';
import { base64url, fromBase64url } from '../bytes/base64url.ts';
import { type EnrollmentFields, enrollmentInput } from '../bytes/transcript.ts';
import { utf8 } from '../bytes/utf8.ts';
import { accountBytes, accountIdOf, deviceBytes } from '../directory/account.ts';
import type { Head } from '../directory/manifest/head.ts';
import { draft, genesisOf, successor } from '../directory/manifest/write.ts';
import { requestBody, signedRequest } from '../identity/request.ts';
import { Challenge, Enrollment } from '../protocol/api.ts';
import type { Manifest, SignedManifest } from '../protocol/manifest.ts';
import { Api } from './api.ts';
import type { ClientConfig } from './config.ts';
import { spkiOf } from './crypto/point.ts';
import type { Bytes, SigningKey } from './crypto/provider.ts';
import { CallsignError } from './errors.ts';
import { type Identity, keepIdentity } from './identity.ts';
import { signManifest, verifyChain } from './manifests.ts';

/** A way of proving that a key lives in hardware; one per kind of platform. */
export interface Attester {
  /** Evidence format, as the challenge names it: `webauthn`, `tpm2`, … */
  readonly format: string;
  /**
   * The identity key: in the hardware itself where it can be, else one the hardware will vouch for. `challenge` is what hardware
   * signs that must know it before its key exists (Android Keystore): the transcript without key and account.
   */
  identityKey(challenge: Bytes): Promise<SigningKey>;
  /** Evidence over the 32-byte transcript. `token` is the challenge's own. */
  attest(transcript: Bytes, context: AttestContext): Promise<Record<string, unknown>>;
  /** The hardware once more, over the 32-byte transcript of a renewal (protocol/identity.md §6); absent where it cannot. */
  show?(transcript: Bytes, context: AttestContext): Promise<Record<string, unknown>>;
  /** `show` needs no gesture: renewals call it by themselves. */
  readonly silent?: boolean;
}

export interface AttestContext {
  readonly api: Api;
  readonly token: string;
  /** `webauthn`: what the deployment asks navigator.credentials.create for, but for the challenge. */
  readonly options: v.InferOutput<typeof Challenge>['options'];
  readonly signal: AbortSignal | undefined;
}

export interface Enrolled {
  readonly identity: Identity;
  readonly head: Head;
  /** What the server said of the evidence; the certificate says the same, signed. */
  readonly verdict: v.InferOutput<typeof Enrollment>['verdict'];
}

/**
 * Who signs the version that adds a device, in the same process: an importer of one's own fleet, a test. Two devices in two
 * hands link (`CallsignClient.link`, `join`), because only a comparison code shows that nobody stands between them.
 */
export interface Sponsor {
  readonly account: string;
  readonly head: Head;
  /** `jwk` with the recovery key alone. */
  sign(manifest: Manifest): Promise<{ kid: string; key: SigningKey; jwk?: { x: string; y: string } }>;
}

export interface EnrollOptions {
  readonly sponsor?: Sponsor;
  /** Who may recover the account, in force from its first version on: offer a recovery key at first start. */
  readonly recovery?: {
    readonly policy: Manifest['recovery']['policy'];
    readonly delayHours: number;
    readonly key?: { readonly keyHash: string };
  };
  readonly signal?: AbortSignal | undefined;
  /** Where an operator must agree: the very same is asked again when it resolves. */
  readonly held?: () => Promise<void>;
}

function termsOf({ policy, delayHours, key }: NonNullable<EnrollOptions['recovery']>) {
  return { policy, delayHours, ...(key && { keyHash: key.keyHash }) };
}

const TERMS = { handles: [], recovery: { policy: 'delay', delayHours: 24, handles: [] }, minProtocol: 1 } as const;

/**
 * Enrolls this device: as the first of a new account, or with a `sponsor` as one more of its account. Certificate, account
 * and manifest are in the store when it resolves. Where an operator must agree, `held` is called, as often as it takes: the very
 * same is asked again when it resolves, for seven days; without `held` that is a refusal, `held`.
 */
export async function enroll(config: ClientConfig, attester: Attester, options: EnrollOptions = {}): Promise<Enrolled> {
  const { sponsor, recovery, signal, held } = options;
  const api = new Api(config);
  const challenge = await api.ask(Challenge, {
    method: 'POST',
    path: '/v1/enrollments/challenges',
    body: { format: attester.format, ...(sponsor && { account: sponsor.account }) },
    signal,
  });
  const key = await identityKeyFor(config, attester, challenge);
  const { manifest, account } = await manifestFor(config, challenge, key, sponsor, recovery);
  const proof = await prove(config, api, attester, { challenge, key, account }, signal);
  const made = { challenge, proof, key, account, manifest, known: sponsor?.head ?? null };
  return submit(config, api, made, signal, held);
}

/** The device that a challenge names, its identity key, and the account it will be of. */
interface Candidate {
  readonly challenge: v.InferOutput<typeof Challenge>;
  readonly key: SigningKey;
  readonly account: string;
}

/** Evidence over the transcript, and a certificate request by the key itself. */
export interface Proof {
  readonly format: string;
  readonly evidence: Record<string, unknown>;
  readonly csr: string;
}

/** The transcript before there is a key. */
async function early({ origin, crypto }: ClientConfig, format: string, challenge: Candidate['challenge']) {
  return {
    origin,
    format,
    nonce: await crypto.sha256(utf8(challenge.token)),
    purpose: 'enrol',
    deviceId: deviceBytes(challenge.device) ?? new Uint8Array(),
    identityKey: new Uint8Array(),
    accountId: new Uint8Array(),
  } satisfies EnrollmentFields;
}

export async function identityKeyFor(
  config: ClientConfig,
  attester: Attester,
  challenge: Candidate['challenge'],
): Promise<SigningKey> {
  const fields = await early(config, attester.format, challenge);
  return attester.identityKey(await config.crypto.sha256(enrollmentInput(fields)));
}

export async function prove(
  config: ClientConfig,
  api: Api,
  attester: Attester,
  { challenge, key, account }: Candidate,
  signal?: AbortSignal,
): Promise<Proof> {
  const transcript = await config.crypto.sha256(
    enrollmentInput({
      ...(await early(config, attester.format, challenge)),
      identityKey: spkiOf(key.publicKey),
      accountId: accountBytes(account) ?? new Uint8Array(),
    }),
  );
  const evidence = await attester.attest(transcript, {
    api,
    token: challenge.token,
    options: challenge.options,
    signal,
  });
  const body = requestBody(spkiOf(key.publicKey), transcript);
  return { format: attester.format, evidence, csr: base64url(signedRequest(body, await key.sign(body))) };
}

/** Hands in what was proved with the manifest that names the device; `known` is the head that the manifest stands on. */
export async function submit(
  config: ClientConfig,
  api: Api,
  made: Candidate & { readonly proof: Proof; readonly manifest: SignedManifest; readonly known: Head | null },
  signal?: AbortSignal,
  held?: () => Promise<void>,
): Promise<Enrolled> {
  const { challenge, proof, key, account, manifest, known } = made;
  const body = { token: challenge.token, ...proof, manifest };
  const send = () => api.ask(Enrollment, { method: 'POST', path: '/v1/enrollments', body, signal });
  const reply = await (held ? patiently(send, held) : send());
  return accept(config, { reply, key, account, manifest, known });
}

async function patiently<T>(send: () => Promise<T>, held: () => Promise<void>): Promise<T> {
  for (;;) {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof CallsignError) || error.reason !== 'held') throw error;
    }
    await held();
  }
}

async function manifestFor(
  config: ClientConfig,
  challenge: v.InferOutput<typeof Challenge>,
  key: SigningKey,
  sponsor: Sponsor | undefined,
  recovery: EnrollOptions['recovery'],
): Promise<{ manifest: SignedManifest; account: string }> {
  const device = { id: challenge.device, key: base64url(spkiOf(key.publicKey)) };
  const own = { kid: device.id, key };
  if (!sponsor) {
    const genesis = genesisOf(device, challenge.serverNow, {
      ...TERMS,
      handles: [],
      recovery: { ...(recovery ? termsOf(recovery) : TERMS.recovery), handles: [] },
    });
    const account = accountIdOf(await config.crypto.sha256(draft(genesis).payload));
    return { manifest: await signManifest(genesis, [own]), account };
  }
  const { head } = sponsor;
  const added = { ...device, addedAt: challenge.serverNow };
  const next = successor(head, challenge.serverNow, { devices: [...head.manifest.devices, added] });
  return { manifest: await signManifest(next, [await sponsor.sign(next), own]), account: sponsor.account };
}

/** The server's answer must be about this account, device and key; the manifest is verified by our own rules. */
async function accept(
  config: ClientConfig,
  made: {
    reply: v.InferOutput<typeof Enrollment>;
    key: SigningKey;
    account: string;
    manifest: SignedManifest;
    known: Head | null;
  },
): Promise<Enrolled> {
  const { reply, key, account, manifest, known } = made;
  const chain = reply.certificate.map((text) => fromBase64url(text));
  const pushToken = reply.pushToken === null ? null : fromBase64url(reply.pushToken);
  if (reply.account !== account || !pushToken || !chain.every((der) => der !== null))
    throw new CallsignError('protocol', 'enrollment-of-another');
  const head = await verifyChain(config.crypto, account, known, [manifest], config.now());
  const identity: Identity = { account, device: reply.device, key, chain, notAfter: reply.notAfter, pushToken };
  await keepIdentity(config, identity, head);
  return { identity, head, verdict: reply.verdict };
}
