import { sha256 } from '@noble/hashes/sha2.js';
import type { HashName } from '../../attestation/tpm/algorithms.ts';
import type { Tpm2Json } from '../../attestation/tpm/evidence.ts';
import type { PublicArea } from '../../attestation/tpm/public.ts';
import { readPublic } from '../../attestation/tpm/public.ts';
import { readSignature } from '../../attestation/tpm/signature.ts';
import { leftPad, publicKeyOf, spkiOf } from '../../attestation/tpm/spki.ts';
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { hex } from '../../bytes/hex.ts';
import { concat } from '../../bytes/join.ts';
import type { Bytes, SigningKey } from '../crypto/provider.ts';
import type { Endorsement } from './endorsement.ts';
import { findEndorsement, withEndorsementKey } from './endorsement.ts';
import { ATTESTATION_KEY, IDENTITY_KEY, STORAGE_ROOT } from './templates.ts';
import type { Attested, LoadedKey, Tpm, WrappedKey } from './tpm.ts';

/** What a device keeps between starts: two keys wrapped by this TPM, useless anywhere else. base64url. */
export interface StoredIdentity {
  readonly identityKey: StoredWrappedKey;
  readonly attestationKey: StoredWrappedKey;
}

interface StoredWrappedKey {
  readonly public: string;
  readonly private: string;
}

export interface IdentityTemplates {
  readonly identityKey: PublicArea;
  readonly attestationKey: PublicArea;
}

/** First message of an enrollment: what the server needs to make the activation challenge. base64url. */
export type ActivationRequest = Pick<Tpm2Json, 'endorsementCertificates' | 'endorsementKey' | 'attestationKey'>;

/** The server's answer (protocol/api.ts, Activation): both with their own size in front, base64url. */
export interface ActivationChallenge {
  readonly credentialBlob: string;
  readonly encryptedSecret: string;
  /** The server's own token; goes back as it came. */
  readonly activation?: string | undefined;
}

/** What the TPM made of the challenge: fields of the evidence. */
export type Activated = Pick<Tpm2Json, 'secret' | 'activation'>;

/**
 * A device's identity in a TPM: a P-256 key that never leaves it, and the attestation key that vouches for it.
 * Enrollment is `activationRequest` -> server -> `activate` -> `attest` -> server; afterwards it is a SigningKey like
 * any other. Keep `stored` and call `restore` at the next start. Call `close` to free the TPM's slot.
 */
export class TpmIdentity implements SigningKey {
  /** Uncompressed point, 65 bytes. */
  readonly publicKey: Bytes;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Bytes;
  readonly #tpm: Tpm;
  readonly #key: LoadedKey;
  readonly #identity: WrappedKey;
  readonly #attestation: WrappedKey;
  #endorsement: Endorsement | null = null;

  private constructor(tpm: Tpm, identity: WrappedKey, attestation: WrappedKey, key: LoadedKey) {
    const area = readPublic(identity.public);
    const point = area && publicKeyOf(area.key);
    if (point?.kind !== 'ec') throw new TypeError('the identity key is not an elliptic-curve key');
    this.publicKey = concat(point.point);
    this.spki = spkiOf(area!.key);
    this.#tpm = tpm;
    this.#key = key;
    this.#identity = identity;
    this.#attestation = attestation;
  }

  /** New keys, of other templates than the usual where a TPM needs it: see ATTESTATION_KEY_RSA. */
  static async create(tpm: Tpm, templates: Partial<IdentityTemplates> = {}): Promise<TpmIdentity> {
    const root = await tpm.createPrimary('owner', STORAGE_ROOT);
    try {
      const identity = await tpm.create(root.handle, templates.identityKey ?? IDENTITY_KEY);
      const attestation = await tpm.create(root.handle, templates.attestationKey ?? ATTESTATION_KEY);
      return new TpmIdentity(tpm, identity, attestation, await tpm.load(root.handle, identity));
    } finally {
      await tpm.flush(root.handle);
    }
  }

  /** The same keys again, after a restart of the device. Throws TpmError when they are of another TPM, or it was cleared. */
  static async restore(tpm: Tpm, stored: StoredIdentity): Promise<TpmIdentity> {
    const identity = unpack(stored.identityKey);
    const attestation = unpack(stored.attestationKey);
    return new TpmIdentity(tpm, identity, attestation, await loadBelowRoot(tpm, identity));
  }

  get wrapped(): StoredIdentity {
    return { identityKey: pack(this.#identity), attestationKey: pack(this.#attestation) };
  }

  /** Step one. Finds an endorsement key with a certificate in the TPM; pass `endorsement` where the maker publishes it elsewhere. */
  async activationRequest(endorsement?: Endorsement): Promise<ActivationRequest | null> {
    this.#endorsement = endorsement ?? (await findEndorsement(this.#tpm));
    if (this.#endorsement === null) return null;
    const { certificates } = this.#endorsement;
    return withEndorsementKey(this.#tpm, this.#endorsement, async ({ public: area }) => ({
      endorsementCertificates: certificates.map(base64url),
      endorsementKey: base64url(area),
      attestationKey: base64url(this.#attestation.public),
    }));
  }

  /** Step two: the secret that only this TPM, holding this attestation key, can recover from the server's challenge. */
  async activate(challenge: ActivationChallenge): Promise<Activated> {
    const [blob, encrypted] = [fromBase64url(challenge.credentialBlob), fromBase64url(challenge.encryptedSecret)];
    if (!blob || !encrypted) throw new TypeError('the activation challenge is not base64url');
    if (this.#endorsement === null) throw new TypeError('activationRequest comes first');
    const endorsement = this.#endorsement;
    const secret = await this.#withAttestationKey((attestationKey) =>
      withEndorsementKey(this.#tpm, endorsement, async (endorsementKey) => {
        const session = await this.#session(endorsement);
        try {
          return await this.#tpm.activateCredential(attestationKey, endorsementKey.handle, session, blob, encrypted);
        } catch (error) {
          // A session ends with the command it authorizes, but not with one that fails.
          if (session !== null) await this.#tpm.flush(session);
          throw error;
        }
      }),
    );
    const { activation } = challenge;
    return { secret: base64url(secret), ...(activation !== undefined && { activation }) };
  }

  /** Low-range endorsement keys are used by policy; high-range ones have userWithAuth (EK Credential Profile, annex B). */
  async #session({ template }: Endorsement): Promise<number | null> {
    return template.name.startsWith('L') ? this.#tpm.endorsementSession(template.area.nameAlg) : null;
  }

  /**
   * Step three: the evidence. `transcript` is the 32-byte enrollment transcript (protocol/attestation.md), which both statements
   * sign; `pcrs` names the platform registers to quote, where the deployment's policy asks for them.
   */
  async attest(
    request: ActivationRequest,
    activated: Activated,
    transcript: Uint8Array,
    pcrs?: { readonly bank: HashName; readonly indices: readonly number[] },
  ): Promise<Tpm2Json> {
    const statements = await this.certify(transcript, pcrs);
    return { ...request, ...activated, identityKey: base64url(this.#identity.public), ...statements };
  }

  /** The same statements once more, for a renewal: the attestation key was activated when the device enrolled. */
  async certify(
    transcript: Uint8Array,
    pcrs?: { readonly bank: HashName; readonly indices: readonly number[] },
  ): Promise<Pick<Tpm2Json, 'certify' | 'quote'>> {
    return this.#withAttestationKey(async (attestationKey) => ({
      certify: statement(await this.#tpm.certify(this.#key.handle, attestationKey, transcript)),
      ...(pcrs && { quote: await this.#quote(attestationKey, transcript, pcrs.bank, pcrs.indices) }),
    }));
  }

  async #quote(
    attestationKey: number,
    transcript: Uint8Array,
    bank: HashName,
    indices: readonly number[],
  ): Promise<NonNullable<Tpm2Json['quote']>> {
    const values = await this.#tpm.readPcrs(bank, indices);
    const quoted = await this.#tpm.quote(attestationKey, transcript, [{ bank, indices }]);
    const pcrs = Object.fromEntries([...values].map(([index, value]) => [`${index}`, hex(value)]));
    return { ...statement(quoted), pcrs: { [bank]: pcrs } };
  }

  /** ES256: r || s, 64 bytes. */
  async sign(message: Uint8Array): Promise<Bytes> {
    const signature = readSignature(await this.#tpm.sign(this.#key.handle, sha256(message)));
    if (signature?.scheme !== 'ecdsa') throw new TypeError('the TPM answered with no ECDSA signature');
    return concat(leftPad(signature.r, 32), leftPad(signature.s, 32));
  }

  /** Frees the TPM's slot; the object is of no use afterwards. */
  async close(): Promise<void> {
    await this.#tpm.flush(this.#key.handle);
  }

  async #withAttestationKey<T>(body: (handle: number) => Promise<T>): Promise<T> {
    const { handle } = await loadBelowRoot(this.#tpm, this.#attestation);
    try {
      return await body(handle);
    } finally {
      await this.#tpm.flush(handle);
    }
  }
}

/** Three slots are all that many TPMs have: the root leaves before the key is used. */
async function loadBelowRoot(tpm: Tpm, key: WrappedKey): Promise<LoadedKey> {
  const root = await tpm.createPrimary('owner', STORAGE_ROOT);
  try {
    return await tpm.load(root.handle, key);
  } finally {
    await tpm.flush(root.handle);
  }
}

function statement(attested: Attested): { statement: string; signature: string } {
  return { statement: base64url(attested.statement), signature: base64url(attested.signature) };
}

function pack(key: WrappedKey): StoredWrappedKey {
  return { public: base64url(key.public), private: base64url(key.private) };
}

function unpack(stored: StoredWrappedKey): WrappedKey {
  const [area, wrapped] = [fromBase64url(stored.public), fromBase64url(stored.private)];
  if (!area || !wrapped) throw new TypeError('the stored key is not base64url');
  return { public: area, private: wrapped };
}
