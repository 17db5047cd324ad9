import { draftRecovery } from '../directory/recovery/statement.ts';
import { RECOVERY_KID } from '../protocol/manifest.ts';
import { RecoveryChain } from '../protocol/recovery.ts';
import { Api } from './api.ts';
import type { ClientConfig } from './config.ts';
import { type Attester, enroll, type Enrolled, type Sponsor } from './enroll.ts';
import { CallsignError } from './errors.ts';
import { verifyChain } from './manifests.ts';
import { readRecoveryText, recoveryKeyFrom } from './recovery-key.ts';

/** This device joins the account whose recovery key was written down; `of` is one of its handles, or its id. */
export async function recoverWithKey(
  config: ClientConfig,
  attester: Attester,
  { of, text }: { readonly of: string; readonly text: string },
  signal?: AbortSignal,
): Promise<Enrolled> {
  const secret = readRecoveryText(text);
  if (!secret) throw new CallsignError('local', 'recovery-text');
  const { key, jwk, keyHash } = await recoveryKeyFrom(config.crypto, secret);
  const api = new Api(config);
  const iat = Math.floor(config.now() / 1_000);
  const draft = draftRecovery({ aud: config.origin, of, ...jwk, iat });
  const statement = draft.seal(await key.sign(draft.input));
  const path = '/v1/recoveries/accounts';
  const { account, manifests } = await api.ask(RecoveryChain, { method: 'POST', path, body: { statement }, signal });
  const head = await verifyChain(config.crypto, account, null, manifests, config.now() + api.clockOffset);
  const terms = head.recovery.pending
    ? [head.recovery.pending.terms, head.recovery.effective]
    : [head.recovery.effective];
  if (!terms.some((one) => one.keyHash === keyHash)) throw new CallsignError('verification', 'recovery-key-unknown');
  const sponsor: Sponsor = { account, head, sign: async () => ({ kid: RECOVERY_KID, key, jwk }) };
  return enroll(config, attester, { sponsor, signal });
}
