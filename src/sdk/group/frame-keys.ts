import { hex } from '../../bytes/hex.ts';
import type { FrameKey, FrameKeys } from '../calls/group-call.ts';
import type { Bytes } from '../crypto/provider.ts';
import type { GroupSecrets } from './secrets.ts';

/** For SFrame: the own key of the epoch in use, and every opened key of every epoch that is not erased, by participant. */
export async function frameKeysOf(secrets: GroupSecrets, callId: Bytes, name: Bytes, now: number): Promise<FrameKeys> {
  const sending = secrets.keyring.sending(now);
  const own = sending && (await secrets.base(callId, sending.epoch, name, sending.secret));
  const receive = new Map<string, FrameKey[]>();
  for (const { epoch, roster } of secrets.epochs) {
    for (const [participant, member] of roster.members) {
      const opened = hex(member.name) === hex(name) ? null : secrets.keyring.receiving(epoch, member.name);
      const key = opened && (await secrets.base(callId, epoch, member.name, opened.secret));
      if (opened && key) receive.set(participant, [...(receive.get(participant) ?? []), { kid: opened.keyId, key }]);
    }
  }
  return {
    send: sending && own ? { kid: sending.epoch % 65_536, key: own } : null,
    receive: [...receive].map(([participant, keys]) => ({ participant, keys })),
  };
}
