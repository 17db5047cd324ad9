import type { Draw, Drawn } from '../actors/account/buckets.ts';
import type { Begun, Operation } from '../actors/account/operation.ts';
import type { RequestReason } from '../protocol/request.ts';
import { accountOf, ask, type Told } from './ask.ts';
import { dpopNonce } from './auth/nonce.ts';
import { type Authenticated, authenticate } from './auth/request.ts';
import { bodyOf, type Read } from './body.ts';
import { type AppContext, factory } from './context.ts';
import { idempotencyKey, keepAnswer, operationOf, settled } from './idempotency.ts';
import { overLimit, tellLimits } from './limited.ts';
import { sizeOf } from './limits.ts';
import { problem } from './problem.ts';
import { ofActor } from './refusals.ts';

const UNSAFE = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

/** The nonce that the next proof must carry. */
export function withNonce(c: AppContext): void {
  const { keys, now } = c.var.services;
  c.header('DPoP-Nonce', dpopNonce(keys.nonces, now()));
}

/**
 * Who asks, on every request: our token, a proof by its key for this very request, and the account's word that the device
 * is in its manifest and in force. A proof of an unsafe method counts once. With an Idempotency-Key a POST that was answered is
 * answered the same again, and one that is under way is not begun twice.
 */
export const authenticated = factory.createMiddleware(async (c, next) => {
  withNonce(c);
  const proved = await proofOf(c);
  if (!proved.ok) return unauthenticated(c, proved.reason);
  if (proved.caller.account === null) return problem(c, 'forbidden', 'no-account');
  const named = await nameOf(c);
  if (!named.ok) return named.response;
  const early = UNSAFE.has(c.req.method) ? null : readTooMuch(c, proved.caller.device);
  if (early) return early;
  const stopped = await standing(c, { ...proved.caller, account: proved.caller.account }, named.value);
  if (stopped) return stopped;
  await next();
  const { answer } = await keepAnswer(c, c.res);
  if (answer !== c.res) c.res = answer;
  return undefined;
});

function proofOf(c: AppContext): ReturnType<typeof authenticate> {
  const { keys, deployment, seenTokens, now } = c.var.services;
  const facts = {
    method: c.req.method,
    path: c.req.path,
    authorization: c.req.header('Authorization') ?? null,
    dpop: c.req.header('DPoP') ?? null,
  };
  return authenticate(facts, {
    origin: deployment.origin,
    keys: keys.published.access,
    seen: seenTokens,
    nonceKeys: keys.nonces,
    now: now(),
  });
}

/** Reads cost the account no row: they are counted in memory. */
function readTooMuch(c: AppContext, device: string): Response | null {
  const { gate, now } = c.var.services;
  const spent = gate.take('reads', device, now());
  tellLimits(c, spent);
  return spent.ok ? null : overLimit(c, spent);
}

/** The operation that a POST names with its key and its whole body; null without a key. */
async function nameOf(c: AppContext): Promise<Read<Operation | null>> {
  const key = c.req.method === 'POST' ? idempotencyKey(c) : undefined;
  if (key === undefined) return { ok: true, value: null };
  if (key === null) return { ok: false, response: problem(c, 'bad-request', 'idempotency-key-malformed') };
  const body = await bodyOf(c);
  return body.ok ? { ok: true, value: operationOf(c, key, body.value) } : body;
}

interface Standing {
  readonly key: string;
  readonly drawn: readonly Drawn[];
  readonly operation: Begun | null;
}

/** The account's word. A response ends the request here; null lets it through, with `caller` and `operation` set. */
async function standing(
  c: AppContext,
  { account, device, proof }: Authenticated & { account: string },
  operation: Operation | null,
): Promise<Response | null> {
  const unsafe = UNSAFE.has(c.req.method);
  const told = await ask<Standing>(c, accountOf(account), {
    do: 'authorize',
    device,
    thumbprint: proof.jkt,
    proof: unsafe ? { id: proof.jti, until: proof.replayUntil } : null,
    draws: unsafe ? [writesOf(c, device)] : [],
    operation,
  });
  if (!told.ok) return told.response;
  if (!told.value.ok) return refused(c, told.value);
  const { key, drawn, operation: begun } = told.value;
  for (const one of drawn) tellLimits(c, { limit: 'writes', ...one });
  c.set('caller', { account, device, key });
  const done = settled(c, begun);
  if (!done) c.set('operation', operation);
  return done;
}

function writesOf(c: AppContext, device: string): Draw {
  return { name: `writes ${device}`, ...sizeOf(c.var.services.limits.writes) };
}

function refused(c: AppContext, told: Told<Standing> & { ok: false }): Response {
  if (told.reason === 'too-many-requests')
    return overLimit(c, { limit: 'writes', left: 0, resetMs: Number(told['retryAfterMs']) });
  if (told.reason === 'proof-replayed') return unauthenticated(c, 'proof-replayed');
  const { slug, reason } = ofActor(told.reason);
  return problem(c, slug, reason);
}

export function unauthenticated(c: AppContext, reason: RequestReason | 'proof-replayed'): Response {
  const error =
    reason === 'proof-nonce' ? 'use_dpop_nonce' : reason.startsWith('proof') ? 'invalid_dpop_proof' : 'invalid_token';
  c.header('WWW-Authenticate', `DPoP error="${error}", algs="ES256"`);
  return reason === 'proof-nonce' ? problem(c, 'use-dpop-nonce', reason) : problem(c, 'unauthenticated', reason);
}
