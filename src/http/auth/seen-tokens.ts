import { base64url } from '../../bytes/base64url.ts';
import { payloadUnder } from './chain.ts';

/** Tokens that are remembered at once, of about 700 bytes each; beyond, the one that was not used for longest is forgotten. */
const MOST_TOKENS = 4_096;

/**
 * Access tokens whose signature was found to be right, so that only a device's first request under a token pays for verifying it.
 * The same bytes under the same key are signed for ever; claims, times, the proof beside them and revocation are judged on every
 * request. In the memory of this process or isolate alone.
 */
export class SeenTokens {
  readonly #most: number;
  /** By key and token, in the order they were last used. */
  readonly #payloads = new Map<string, unknown>();

  constructor(most = MOST_TOKENS) {
    this.#most = most;
  }

  /** The payload if `key` (SPKI, P-256) signed this token (a compact JWS); null otherwise. */
  async payload(token: string, key: Uint8Array<ArrayBuffer>): Promise<unknown> {
    const name = `${base64url(key)} ${token}`;
    const payload = this.#payloads.get(name) ?? (await payloadUnder(token, key));
    if (payload !== null) this.#keep(name, payload);
    return payload;
  }

  /** How many tokens are remembered. */
  get size(): number {
    return this.#payloads.size;
  }

  #keep(name: string, payload: unknown): void {
    this.#payloads.delete(name);
    this.#payloads.set(name, payload);
    const [oldest] = this.#payloads.keys();
    if (this.#payloads.size > this.#most && oldest !== undefined) this.#payloads.delete(oldest);
  }
}
