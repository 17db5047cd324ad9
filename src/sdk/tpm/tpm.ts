import type { HashName } from '../../attestation/tpm/algorithms.ts';
import { ALG, hashByName } from '../../attestation/tpm/algorithms.ts';
import type { PcrSelection } from '../../attestation/tpm/pcr.ts';
import { encodePcrSelections, readPcrSelections } from '../../attestation/tpm/pcr.ts';
import type { PublicArea } from '../../attestation/tpm/public.ts';
import { encodePublic } from '../../attestation/tpm/public.ts';
import { tpm2b } from '../../attestation/tpm/sized.ts';
import type { TpmReader } from '../../attestation/tpm/reader.ts';
import { concat, u16, u32 } from '../../bytes/join.ts';
import type { Command } from './command.ts';
import { execute, HANDLE, TpmError } from './command.ts';
import type { TpmDriver } from './driver.ts';

const EMPTY = new Uint8Array(0);
/** TPM2B_SENSITIVE_CREATE with no password and no data (Part 2 §11.1.16). */
const NO_SENSITIVE = tpm2b(concat(u16(0), u16(0)));
const NO_PCRS = u32(0);
/** Scheme NULL: the key's own is used. */
const OWN_SCHEME = u16(ALG.NULL);
/** TPM_RC_HANDLE for the first handle: nothing is there. */
const NO_SUCH_HANDLE = 0x18b;

/** A wrapped key as TPM2_Create returns it: worth nothing outside the TPM, below the parent it was made under. */
export interface WrappedKey {
  /** TPMT_PUBLIC. */
  readonly public: Uint8Array;
  /** TPM2B_PRIVATE without its size. */
  readonly private: Uint8Array;
}

export interface LoadedKey {
  /** Transient: freed by `flush`, gone after a restart. */
  readonly handle: number;
  /** TPMT_PUBLIC. */
  readonly public: Uint8Array;
}

/** A statement signed by the TPM. */
export interface Attested {
  /** TPMS_ATTEST. */
  readonly statement: Uint8Array;
  /** TPMT_SIGNATURE. */
  readonly signature: Uint8Array;
}

/**
 * The TPM 2.0 commands that enrollment needs, one method each (Part 3). Objects have empty passwords: whoever can open
 * the device can use them, so the device node's permissions are the access control. A TPM has few transient slots
 * (three is common): flush what you load. Every method throws TpmError when the TPM refuses.
 */
export class Tpm {
  readonly #driver: TpmDriver;

  constructor(driver: TpmDriver) {
    this.#driver = driver;
  }

  #run(command: Command): Promise<TpmReader> {
    return execute(this.#driver, command).then(({ parameters }) => parameters);
  }

  /** TPM2_GetRandom: up to `count` bytes. */
  async random(count: number): Promise<Uint8Array> {
    return (await this.#run({ name: 'GetRandom', parameters: [u16(count)] })).sized();
  }

  /** TPM2_CreatePrimary: the same template gives the same key for as long as the hierarchy's seed lives. */
  async createPrimary(hierarchy: 'owner' | 'endorsement', template: PublicArea): Promise<LoadedKey> {
    const { handle, parameters } = await execute(this.#driver, {
      name: 'CreatePrimary',
      handles: [HANDLE[hierarchy]],
      sessions: [HANDLE.password],
      parameters: [NO_SENSITIVE, tpm2b(encodePublic(template)), tpm2b(EMPTY), NO_PCRS],
      returnsHandle: true,
    });
    return { handle, public: parameters.sized() };
  }

  /** TPM2_Create: a new key, wrapped by `parent`. */
  async create(parent: number, template: PublicArea): Promise<WrappedKey> {
    const response = await this.#run({
      name: 'Create',
      handles: [parent],
      sessions: [HANDLE.password],
      parameters: [NO_SENSITIVE, tpm2b(encodePublic(template)), tpm2b(EMPTY), NO_PCRS],
    });
    const wrapped = response.sized();
    return { private: wrapped, public: response.sized() };
  }

  /** TPM2_Load. Fails when the key was wrapped by another parent, thus also in another TPM. */
  async load(parent: number, key: WrappedKey): Promise<LoadedKey> {
    const { handle } = await execute(this.#driver, {
      name: 'Load',
      handles: [parent],
      sessions: [HANDLE.password],
      parameters: [tpm2b(key.private), tpm2b(key.public)],
      returnsHandle: true,
    });
    return { handle, public: key.public };
  }

  /** TPM2_FlushContext, for objects and sessions. */
  async flush(handle: number): Promise<void> {
    await this.#run({ name: 'FlushContext', parameters: [u32(handle)] });
  }

  /** TPM2_ReadPublic: TPMT_PUBLIC of a loaded or persistent object, or null when nothing is at the handle. */
  async readPublic(handle: number): Promise<Uint8Array | null> {
    return orNothing(this.#run({ name: 'ReadPublic', handles: [handle] }).then((response) => response.sized()));
  }

  /** TPM2_EvictControl: keeps a copy of a loaded object at a persistent handle (0x81000000 and up), across restarts. */
  async persist(handle: number, persistent: number): Promise<void> {
    const handles = [HANDLE.owner, handle];
    await this.#run({ name: 'EvictControl', handles, sessions: [HANDLE.password], parameters: [u32(persistent)] });
  }

  /** TPM2_EvictControl on a persistent handle: frees it. */
  async evict(persistent: number): Promise<void> {
    await this.persist(persistent, persistent);
  }

  /** TPM2_NV_ReadPublic and TPM2_NV_Read: the whole content of an index that anybody may read; null when it is undefined or never written. */
  async readNv(index: number): Promise<Uint8Array | null> {
    const area = await orNothing(this.#run({ name: 'NV_ReadPublic', handles: [index] }));
    if (area === null) return null;
    const { size, written, byOwner } = readNvPublic(area);
    if (!written) return null;
    const parts: Uint8Array[] = [];
    for (let at = 0; at < size; at += NV_CHUNK) {
      const length = Math.min(NV_CHUNK, size - at);
      const handles = [byOwner ? HANDLE.owner : index, index];
      const parameters = [u16(length), u16(at)];
      parts.push((await this.#run({ name: 'NV_Read', handles, sessions: [HANDLE.password], parameters })).sized());
    }
    return concat(...parts);
  }

  /** TPM2_StartAuthSession and TPM2_PolicySecret: a policy session that the endorsement hierarchy's (empty) password has satisfied. */
  async endorsementSession(hash: HashName): Promise<number> {
    const nonce = await this.random(16);
    const { handle } = await execute(this.#driver, {
      name: 'StartAuthSession',
      handles: [HANDLE.none, HANDLE.none],
      parameters: [tpm2b(nonce), tpm2b(EMPTY), POLICY, u16(ALG.NULL), u16(hashByName(hash).id)],
      returnsHandle: true,
    });
    const unbound = [tpm2b(EMPTY), tpm2b(EMPTY), tpm2b(EMPTY), u32(0)];
    const handles = [HANDLE.endorsement, handle];
    await this.#run({ name: 'PolicySecret', handles, sessions: [HANDLE.password], parameters: unbound });
    return handle;
  }

  /**
   * TPM2_ActivateCredential: recovers the secret that the server sealed to the endorsement key and the attestation
   * key's Name. `session` is an `endorsementSession`, or null for an endorsement key that a password may use. The
   * arguments carry their own size, as the server sent them.
   */
  async activateCredential(
    attestationKey: number,
    endorsementKey: number,
    session: number | null,
    credentialBlob: Uint8Array,
    encryptedSecret: Uint8Array,
  ): Promise<Uint8Array> {
    const response = await this.#run({
      name: 'ActivateCredential',
      handles: [attestationKey, endorsementKey],
      sessions: [HANDLE.password, session ?? HANDLE.password],
      parameters: [credentialBlob, encryptedSecret],
    });
    return response.sized();
  }

  /** TPM2_Certify: `signer` states the Name of `object`; `qualifyingData` (at most 64 bytes) is signed along. */
  certify(object: number, signer: number, qualifyingData: Uint8Array): Promise<Attested> {
    return this.#attest({
      name: 'Certify',
      handles: [object, signer],
      sessions: [HANDLE.password, HANDLE.password],
      parameters: [tpm2b(qualifyingData), OWN_SCHEME],
    });
  }

  /** TPM2_Quote: `signer` states the digest of the selected platform registers. */
  quote(signer: number, qualifyingData: Uint8Array, selections: readonly PcrSelection[]): Promise<Attested> {
    return this.#attest({
      name: 'Quote',
      handles: [signer],
      sessions: [HANDLE.password],
      parameters: [tpm2b(qualifyingData), OWN_SCHEME, encodePcrSelections(selections)],
    });
  }

  async #attest(command: Command): Promise<Attested> {
    const response = await this.#run(command);
    return { statement: response.sized(), signature: response.take(response.rest) };
  }

  /** TPM2_PCR_Read: the value of each register of one bank; a register that the bank does not have is absent. */
  async readPcrs(bank: HashName, indices: readonly number[]): Promise<ReadonlyMap<number, Uint8Array>> {
    const values = new Map<number, Uint8Array>();
    let wanted = [...indices];
    while (wanted.length > 0) {
      const parameters = [encodePcrSelections([{ bank, indices: wanted }])];
      const response = await this.#run({ name: 'PCR_Read', parameters });
      response.u32();
      const read = readPcrSelections(response)?.[0]?.indices ?? [];
      response.u32();
      for (const index of read) values.set(index, response.sized());
      if (read.length === 0) break;
      wanted = wanted.filter((index) => !values.has(index));
    }
    return values;
  }

  /** TPM2_Sign with the key's own scheme: TPMT_SIGNATURE over a digest that the caller computed. Not for restricted keys. */
  async sign(key: number, digest: Uint8Array): Promise<Uint8Array> {
    const response = await this.#run({
      name: 'Sign',
      handles: [key],
      sessions: [HANDLE.password],
      parameters: [tpm2b(digest), OWN_SCHEME, NO_TICKET],
    });
    return response.take(response.rest);
  }
}

/** TPM_SE_POLICY (Part 2 §6.11). */
const POLICY = new Uint8Array([1]);
/** TPMT_TK_HASHCHECK: the digest was made outside the TPM (§10.7.6). */
const NO_TICKET = concat(u16(0x8024), u32(HANDLE.none), u16(0));
/** Smaller than the least TPM2B_MAX_NV_BUFFER of the PC Client profile. */
const NV_CHUNK = 512;
/** TPMA_NV (§13.4). */
const NV_OWNER_READ = 1 << 17;
const NV_AUTH_READ = 1 << 18;
const NV_WRITTEN = 1 << 29;

/** TPM2B_NV_PUBLIC (§13.5). */
function readNvPublic(reader: TpmReader): { size: number; written: boolean; byOwner: boolean } {
  reader.u16();
  reader.u32();
  reader.u16();
  const attributes = reader.u32();
  reader.sized();
  const byOwner = (attributes & NV_AUTH_READ) === 0 && (attributes & NV_OWNER_READ) !== 0;
  return { size: reader.u16(), written: (attributes & NV_WRITTEN) !== 0, byOwner };
}

async function orNothing<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof TpmError && error.code === NO_SUCH_HANDLE) return null;
    throw error;
  }
}
