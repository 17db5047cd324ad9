import * as v from 'valibot';
import { base64url } from '../bytes/base64url.ts';
import { clientAssertion, dpopProof, tokenHash } from '../identity/proof.ts';
import { TokenReply } from '../protocol/api.ts';
import { CLIENT_ASSERTION_S, CLIENT_ASSERTION_TYPE } from '../protocol/request.ts';
import type { ClientConfig } from './config.ts';
import { spkiOf } from './crypto/point.ts';
import { CallsignError } from './errors.ts';
import type { Identity } from './identity.ts';
import { CLOSED, patiently } from './patience.ts';

const TIME_LIMIT_MS = 15_000;
/** A token is renewed when it has less than this left. */
const TOKEN_MARGIN_MS = 30_000;

export interface Ask {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
  /** Of a POST, so that it can be said again; made when there is none. */
  readonly idempotencyKey?: string;
  /** False: said once, because whoever asks says it again in his own way. */
  readonly repeatable?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Requests without identity: everything before enrollment. */
export class Api {
  readonly config: ClientConfig;
  /** Add to the local clock to get the server's, ms; learned from what it says. */
  clockOffset = 0;

  readonly #over = new AbortController();

  constructor(config: ClientConfig) {
    this.config = config;
  }

  /** The server's clock, ms. */
  serverNow(): number {
    return this.config.now() + this.clockOffset;
  }

  /** Gives up what is being asked; everything asked later is `aborted`. */
  close(): void {
    this.#over.abort(CLOSED);
  }

  protected get closed(): boolean {
    return this.#over.signal.aborted;
  }

  /**
   * Says it until it is answered, for a while (see `patiently`). Asking twice does no more than asking once: GET, PUT and DELETE by
   * their nature, a POST by its challenge or its Idempotency-Key, which stays the same from try to try.
   */
  async ask<S extends v.GenericSchema>(schema: S, request: Ask): Promise<v.InferOutput<S>> {
    const attempt = async () => this.read(schema, await this.say(request), request.signal);
    const unwanted = request.signal ? AbortSignal.any([request.signal, this.#over.signal]) : this.#over.signal;
    return request.repeatable === false ? attempt() : patiently(this.config, unwanted, attempt);
  }

  protected async say({ method, path, body, signal }: Ask): Promise<Response> {
    return this.exchange(path, {
      method,
      headers: { ...(body !== undefined && { 'Content-Type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    });
  }

  /** One exchange; network trouble and time limits become `network`, cancellation `aborted`. */
  protected async exchange(path: string, init: RequestInit): Promise<Response> {
    const limit = AbortSignal.timeout(TIME_LIMIT_MS);
    const unwanted = init.signal ? AbortSignal.any([init.signal, this.#over.signal]) : this.#over.signal;
    const failed = (cause: unknown) => {
      if (unwanted.aborted) return new CallsignError('aborted', this.closed ? 'closed' : 'aborted', { cause });
      return new CallsignError('network', limit.aborted ? 'timeout' : 'unreachable', { cause });
    };
    try {
      unwanted.throwIfAborted();
      const signal = AbortSignal.any([unwanted, limit]);
      return await this.config.fetch(`${this.config.origin}${path}`, { ...init, signal });
    } catch (cause) {
      throw failed(cause);
    }
  }

  protected async read<S extends v.GenericSchema>(
    schema: S,
    response: Response,
    signal: AbortSignal | undefined,
  ): Promise<v.InferOutput<S>> {
    const body = await decoded(response).catch((error: unknown) => {
      if (signal?.aborted || this.closed) throw new CallsignError('aborted', this.closed ? 'closed' : 'aborted');
      throw error;
    });
    if (!response.ok) throw refusal(response, body);
    const parsed = v.safeParse(schema, body);
    if (!parsed.success) throw new CallsignError('protocol', 'unexpected-answer', { status: response.status });
    const serverNow = (parsed.output as { serverNow?: unknown } | null)?.serverNow;
    if (typeof serverNow === 'number') this.clockOffset = serverNow - this.config.now();
    return parsed.output;
  }
}

/** Null: no JSON. An answer that was cut off on its way is no answer. */
async function decoded(response: Response): Promise<unknown> {
  const text = await response.text().catch((cause: unknown) => {
    throw new CallsignError('network', 'cut-off', { cause });
  });
  if (text === '' && response.status === 200) throw new CallsignError('network', 'cut-off', {});
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return null;
  }
}

function refusal(response: Response, body: unknown): CallsignError {
  const reason = (body as { reason?: unknown } | null)?.reason;
  const retry = Number(response.headers.get('Retry-After'));
  return new CallsignError('refused', typeof reason === 'string' ? reason : `status-${response.status}`, {
    status: response.status,
    ...(retry > 0 && { retryAfterMs: retry * 1_000 }),
  });
}

/** Requests that prove who asks: a token for the certified key, and a proof of that key for each request (RFC 9449). */
export class IdentifiedApi extends Api {
  identity: Identity;
  #token: { text: string; until: number } | null = null;
  #nonce: string | null = null;

  constructor(config: ClientConfig, identity: Identity) {
    super(config);
    this.identity = identity;
  }

  override ask<S extends v.GenericSchema>(schema: S, request: Ask): Promise<v.InferOutput<S>> {
    const named = request.method !== 'POST' || request.repeatable === false || request.idempotencyKey !== undefined;
    const idempotencyKey = base64url(this.config.crypto.random(16));
    return super.ask(schema, named ? request : { ...request, idempotencyKey });
  }

  /** Once more with a fresh nonce or token when the server asks for one. */
  protected override async say(request: Ask): Promise<Response> {
    for (let attempt = 0; ; attempt++) {
      const token = await this.#accessToken(request.signal);
      const response = await this.#send(request, token);
      if (response.status !== 401 || attempt === 2) return response;
      const reason = ((await decoded(response.clone())) as { reason?: string } | null)?.reason;
      if (reason?.startsWith('token')) this.#token = null;
      else if (reason !== 'proof-nonce') return response;
    }
  }

  async #send({ method, path, body, idempotencyKey, signal }: Ask, token: string): Promise<Response> {
    const proof = await this.#proof(method, path.split('?')[0] ?? path, token);
    const headers: Record<string, string> = { Authorization: `DPoP ${token}`, DPoP: proof };
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (idempotencyKey !== undefined) headers['Idempotency-Key'] = `"${idempotencyKey}"`;
    return this.#remembering(
      await this.exchange(path, {
        method,
        headers,
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(signal && { signal }),
      }),
    );
  }

  #remembering(response: Response): Response {
    this.#nonce = response.headers.get('DPoP-Nonce') ?? this.#nonce;
    return response;
  }

  async #proof(method: string, path: string, token: string | null): Promise<string> {
    const { crypto, origin } = this.config;
    const draft = dpopProof(spkiOf(this.identity.key.publicKey), {
      jti: base64url(crypto.random(12)),
      htm: method,
      htu: `${origin}${path}`,
      iat: Math.floor(this.serverNow() / 1_000),
      ...(token !== null && { ath: tokenHash(token) }),
      ...(this.#nonce !== null && { nonce: this.#nonce }),
    });
    return draft.seal(await this.identity.key.sign(draft.input));
  }

  async #accessToken(signal: AbortSignal | undefined): Promise<string> {
    if (this.#token && this.#token.until > this.config.now()) return this.#token.text;
    for (let attempt = 0; ; attempt++) {
      const response = await this.#requestToken(signal);
      const body = (await decoded(response.clone())) as { error?: string } | null;
      if (body?.error === 'use_dpop_nonce' && attempt === 0) continue;
      const reply = await this.read(TokenReply, response, signal);
      this.#token = { text: reply.access_token, until: this.config.now() + reply.expires_in * 1_000 - TOKEN_MARGIN_MS };
      return reply.access_token;
    }
  }

  async #requestToken(signal: AbortSignal | undefined): Promise<Response> {
    const { crypto, origin } = this.config;
    const { device, chain, key } = this.identity;
    const iat = Math.floor(this.serverNow() / 1_000);
    const claims = {
      iss: device,
      sub: device,
      aud: origin,
      jti: base64url(crypto.random(12)),
      iat,
      exp: iat + CLIENT_ASSERTION_S,
    };
    const draft = clientAssertion(chain, claims);
    const assertion = draft.seal(await key.sign(draft.input));
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_assertion_type: CLIENT_ASSERTION_TYPE,
      client_assertion: assertion,
    });
    const headers = {
      'Content-Type': 'application/x-www-form-urlencoded',
      DPoP: await this.#proof('POST', '/v1/token', null),
    };
    return this.#remembering(
      await this.exchange('/v1/token', { method: 'POST', headers, body: form.toString(), ...(signal && { signal }) }),
    );
  }
}
