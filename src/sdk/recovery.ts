import { commitmentOf } from '../directory/handle/commitment.ts';
import { fromBase64url } from '../bytes/base64url.ts';
import { draftVeto } from '../directory/recovery/statement.ts';
import { HandlePending } from '../protocol/api.ts';
import type { Manifest } from '../protocol/manifest.ts';
import { Recoveries, RecoveryView } from '../protocol/recovery.ts';
import type { IdentifiedApi } from './api.ts';
import { CallsignError } from './errors.ts';
import { ownHandles } from './handles.ts';
import { ownHead } from './identity.ts';
import { commitOwn } from './own-manifest.ts';
import type { RecoveryKey } from './recovery-key.ts';

/** Who may recover the account when all its devices are gone. */
export interface RecoveryChoice {
  /** `never`: nobody by handles alone. */
  readonly policy: Manifest['recovery']['policy'];
  /** How long devices may say no, 0 to 336. */
  readonly delayHours: number;
  /** With a key, only the key. */
  readonly key?: Pick<RecoveryKey, 'keyHash'>;
  /** Own handles (canonical) that must all be proved; none: nobody by handles. */
  readonly handles?: readonly string[];
}

/** Signs the next version with these terms. They replace the old ones after the old delay, and until then any device may go back. */
export async function setRecovery(api: IdentifiedApi, choice: RecoveryChoice, signal?: AbortSignal): Promise<void> {
  const head = await ownHead(api.config, api.identity.account);
  const places = await placesOf(api, head.manifest, choice.handles ?? [], signal);
  const recovery = {
    policy: choice.policy,
    delayHours: choice.delayHours,
    ...(choice.key && { keyHash: choice.key.keyHash }),
    handles: places,
  };
  await commitOwn(api, head, { recovery }, signal);
}

async function placesOf(
  api: IdentifiedApi,
  manifest: Manifest,
  handles: readonly string[],
  signal: AbortSignal | undefined,
): Promise<number[]> {
  if (handles.length === 0) return [];
  const own = await ownHandles(api, signal);
  const places = handles.map((wanted) => {
    const one = own.find(({ handle }) => handle === wanted);
    const salt = one && fromBase64url(one.salt);
    return salt ? manifest.handles.indexOf(commitmentOf(salt, wanted)) : -1;
  });
  if (places.includes(-1)) throw new CallsignError('local', 'handle-not-committed');
  return places.toSorted((a, b) => a - b);
}

/**
 * Without key and devices: this device's own, new account asks for the handles of the one before. Each `code` brings what was
 * sent to that handle. Asked again it tells what became of it; once it is `completed`, `addHandle` takes the handles over.
 */
export async function recoverHandles(
  api: IdentifiedApi,
  handles: readonly { readonly handle: string; readonly code: () => Promise<string> }[],
  signal?: AbortSignal,
): Promise<RecoveryView> {
  for (const { handle, code } of handles) await claim(api, handle, code, signal);
  return recoveryOf(
    api,
    handles.map(({ handle }) => handle),
    signal,
  );
}

/** What became of it. */
export function recoveryOf(
  api: IdentifiedApi,
  handles: readonly string[],
  signal?: AbortSignal,
): Promise<RecoveryView> {
  const body = { handles };
  return api.ask(RecoveryView, { method: 'POST', path: '/v1/recoveries', body, repeatable: true, signal });
}

/** Proves a handle that another account holds: the refusal says that it is held, and the proof is remembered. */
async function claim(
  api: IdentifiedApi,
  handle: string,
  code: () => Promise<string>,
  signal?: AbortSignal,
): Promise<void> {
  const { id } = await api.ask(HandlePending, { method: 'POST', path: '/v1/handles', body: { handle }, signal });
  const path = `/v1/handles/${id}/verification`;
  try {
    await api.ask(HandlePending, { method: 'POST', path, body: { handle, code: await code() }, signal });
  } catch (error) {
    if (error instanceof CallsignError && error.reason === 'handle-held') return;
    throw error;
  }
  throw new CallsignError('local', 'handle-not-held');
}

/** Recoveries of this account's own handles, and those by which it took others' over. */
export async function listRecoveries(api: IdentifiedApi, signal?: AbortSignal): Promise<readonly RecoveryView[]> {
  return (await api.ask(Recoveries, { method: 'GET', path: '/v1/recoveries', signal })).recoveries;
}

/** Says no, signed by this device: the other account gets nothing, and nobody tries again for thirty days. */
export async function vetoRecovery(api: IdentifiedApi, recovery: string, signal?: AbortSignal): Promise<RecoveryView> {
  const { account, device, key } = api.identity;
  const draft = draftVeto({ sub: account, recovery, device, iat: Math.floor(api.serverNow() / 1_000) });
  const veto = draft.seal(await key.sign(draft.input));
  const path = `/v1/recoveries/${recovery}/veto`;
  return api.ask(RecoveryView, { method: 'POST', path, body: { veto }, repeatable: true, signal });
}
