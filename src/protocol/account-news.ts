/** Topic `account`: what a device of an account hears of the account itself. Hints: what they tell is read and verified by the usual roads. */
import * as v from 'valibot';
import { AccountId, DeviceId, Millis } from './identity.ts';
import { LinkId, LinkPhase } from './link.ts';
import { RecoveryId, RecoveryState } from './recovery.ts';

export const ManifestAuthority = v.picklist(['genesis', 'device', 'self-removal', 'replacement', 'recovery-key']);

export const AccountFrame = v.variant('type', [
  /** A version was committed. `by` says under whose authority, `device` names the signer where it is a device. */
  v.object({
    type: v.literal('manifest'),
    version: v.number(),
    by: ManifestAuthority,
    device: v.nullable(DeviceId),
    added: v.array(DeviceId),
    removed: v.array(DeviceId),
    at: Millis,
  }),
  /** Somebody else proved a handle of this account; from `until` on it may be his. */
  v.object({ type: v.literal('handle-claimed'), handle: v.string(), until: Millis }),
  v.object({ type: v.literal('handle-lost'), handle: v.string() }),
  /** Somebody wants the account's handles (`pending`), a device said no, or it came about. `by`: who gets them. */
  v.object({ type: v.literal('recovery'), recovery: RecoveryId, state: RecoveryState, by: AccountId, dueAt: Millis }),
  /** To the sponsor of a link alone. */
  v.object({ type: v.literal('link'), link: LinkId, phase: LinkPhase }),
]);
export type AccountFrame = v.InferOutput<typeof AccountFrame>;

/** Null for what this version does not know. */
export function readAccountNews(body: unknown): AccountFrame | null {
  const news = v.safeParse(AccountFrame, body);
  return news.success ? news.output : null;
}
