import { keySet } from '../directory/jwk.ts';
import { accountOf, ask } from './ask.ts';
import { dpopNonce } from './auth/nonce.ts';
import { authenticate } from './auth/request.ts';
import type { RequestReason } from '../protocol/request.ts';
import { type AppContext, factory } from './context.ts';
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
 * is in its manifest and in force. A proof of an unsafe method counts once.
 */
export const authenticated = factory.createMiddleware(async (c, next) => {
  const { keys, deployment, now } = c.var.services;
  withNonce(c);
  const facts = {
    method: c.req.method,
    path: c.req.path,
    authorization: c.req.header('Authorization') ?? null,
    dpop: c.req.header('DPoP') ?? null,
  };
  const rules = { origin: deployment.origin, keys: keySet([keys.access]), nonceKeys: keys.nonces, now: now() };
  const proved = await authenticate(facts, rules);
  if (!proved.ok) return unauthenticated(c, proved.reason);
  const { account, device, proof } = proved.caller;
  if (account === null) return problem(c, 'forbidden', 'no-account');
  const once = UNSAFE.has(c.req.method) ? { id: proof.jti, until: proof.replayUntil } : null;
  const standing = await ask<{ key: string }>(c, accountOf(account), {
    do: 'authorize',
    device,
    thumbprint: proof.jkt,
    proof: once,
  });
  if (!standing.ok) return standing.response;
  if (!standing.value.ok) {
    if (standing.value.reason === 'proof-replayed') return unauthenticated(c, 'proof-replayed');
    const { slug, reason } = ofActor(standing.value.reason);
    return problem(c, slug, reason);
  }
  c.set('caller', { account, device, key: standing.value.key });
  return next();
});

export function unauthenticated(c: AppContext, reason: RequestReason | 'proof-replayed'): Response {
  const error =
    reason === 'proof-nonce' ? 'use_dpop_nonce' : reason.startsWith('proof') ? 'invalid_dpop_proof' : 'invalid_token';
  c.header('WWW-Authenticate', `DPoP error="${error}", algs="ES256"`);
  return reason === 'proof-nonce' ? problem(c, 'use-dpop-nonce', reason) : problem(c, 'unauthenticated', reason);
}
