import { base64url } from '../../src/bytes/base64url.ts';
import { clientAssertion, dpopProof, tokenHash } from '../../src/identity/proof.ts';
import { CLIENT_ASSERTION_TYPE, type ClientAssertionClaims, type DpopClaims } from '../../src/protocol/request.ts';
import { spkiOf } from '../../src/sdk/crypto/point.ts';
import type { Identity } from '../../src/sdk/index.ts';

/** How its requests get there, and its clock. */
export interface Way {
  fetch(url: string, init?: RequestInit): Promise<Response>;
  now(): number;
}

export interface Sent {
  readonly body?: BodyInit;
  readonly type?: string;
  /** Instead of the caller's own; null sends none. */
  readonly token?: string | null;
  readonly claims?: Partial<DpopClaims>;
  /** A whole proof, instead of one that is made for this request; null sends none. */
  readonly proof?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

const random = (bytes: number) => base64url(crypto.getRandomValues(new Uint8Array(bytes)));

/** A device that makes each part of its requests by hand, so that a test can spoil exactly one. */
export class Prover {
  readonly origin: string;
  readonly identity: Identity;
  readonly #way: Way;
  #token: { readonly text: string; readonly until: number } | null = null;

  constructor(
    origin: string,
    identity: Identity,
    way: Way = { fetch: (url, init) => fetch(url, init), now: () => Date.now() },
  ) {
    this.origin = origin;
    this.identity = identity;
    this.#way = way;
  }

  async nonce(): Promise<string> {
    const answer = await this.#way.fetch(`${this.origin}/v1/policy`);
    await answer.arrayBuffer();
    return answer.headers.get('DPoP-Nonce') ?? '';
  }

  /** A proof for this request but for what `claims` changes. */
  async proof(method: string, path: string, token: string | null, claims: Partial<DpopClaims> = {}): Promise<string> {
    const { key } = this.identity;
    const draft = dpopProof(spkiOf(key.publicKey), {
      jti: random(12),
      htm: method,
      htu: `${this.origin}${path}`,
      iat: Math.floor(this.#way.now() / 1000),
      ...(token !== null && { ath: tokenHash(token) }),
      ...(!('nonce' in claims) && { nonce: await this.nonce() }),
      ...claims,
    });
    return draft.seal(await key.sign(draft.input));
  }

  async assertion(claims: Partial<ClientAssertionClaims> = {}): Promise<string> {
    const { device, chain, key } = this.identity;
    const iat = Math.floor(this.#way.now() / 1000);
    const own = { iss: device, sub: device, aud: this.origin, jti: random(12), iat, exp: iat + 60 };
    const draft = clientAssertion(chain, { ...own, ...claims });
    return draft.seal(await key.sign(draft.input));
  }

  /** POST /v1/token with this assertion. */
  async askToken(assertion: string, claims: Partial<DpopClaims> = {}): Promise<Response> {
    return this.#way.fetch(`${this.origin}/v1/token`, {
      method: 'POST',
      headers: { DPoP: await this.proof('POST', '/v1/token', null, claims) },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_assertion_type: CLIENT_ASSERTION_TYPE,
        client_assertion: assertion,
      }),
    });
  }

  async token(): Promise<string> {
    if (this.#token !== null && this.#way.now() < this.#token.until) return this.#token.text;
    const answer = await this.askToken(await this.assertion());
    if (!answer.ok) throw new Error(`no token: ${await answer.text()}`);
    const { access_token: text, expires_in } = (await answer.json()) as { access_token: string; expires_in: number };
    this.#token = { text, until: this.#way.now() + (expires_in * 1_000) / 2 };
    return text;
  }

  /** One identified request, whole but for what `sent` spoils. */
  async ask(method: string, path: string, sent: Sent = {}): Promise<Response> {
    const token = sent.token === undefined ? await this.token() : sent.token;
    const bare = path.split('?')[0] ?? path;
    const proof = sent.proof === undefined ? await this.proof(method, bare, token, sent.claims) : sent.proof;
    return this.#way.fetch(`${this.origin}${path}`, {
      method,
      headers: {
        ...(token !== null && { Authorization: `DPoP ${token}` }),
        ...(proof !== null && { DPoP: proof }),
        ...(sent.body !== undefined && { 'Content-Type': sent.type ?? 'application/json' }),
        ...sent.headers,
      },
      ...(sent.body !== undefined && { body: sent.body, duplex: 'half' }),
    });
  }

  async read<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    const answer = await this.ask(method, path, { ...(body !== undefined && { body: JSON.stringify(body) }), headers });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }
}
