import { createFactory } from 'hono/factory';
import type { Context } from 'hono';
import type { Operation } from '../actors/account/operation.ts';
import { base64url } from '../bytes/base64url.ts';
import type { OperatorName } from './auth/operator.ts';
import type { Services } from './services.ts';

/** Who asks, proved by certificate and proof of possession. */
export interface Caller {
  readonly account: string;
  readonly device: string;
  /** SubjectPublicKeyInfo, base64url. */
  readonly key: string;
}

export interface AppEnv {
  Variables: {
    services: Services;
    request: string;
    caller: Caller;
    operator: OperatorName;
    /** What the audit says this request is about, once it was asked. */
    asked: string | undefined;
    /** Why the answer is a problem, if it is one. */
    problem: string | undefined;
    /** Set once it was read. */
    body: Uint8Array | undefined;
    /** What the request's Idempotency-Key names, until its answer is kept. */
    operation: Operation | null | undefined;
  };
}

export type AppContext = Context<AppEnv>;
export const factory = createFactory<AppEnv>();

const REQUEST_ID = /^[A-Za-z0-9_-]{8,64}$/;

/** Ours, for every request: events and claims are named after it, so nobody else chooses it. */
export function requestId(services: Services): string {
  return base64url(services.random(12));
}

/** What a proxy calls this request, for the log only; null when it has not the form of an id. */
export function proxyRequestId(given: string | undefined): string | null {
  return given !== undefined && REQUEST_ID.test(given) ? given : null;
}
