import type { Effect } from '../../calls/effect.ts';
import type { Party } from '../../protocol/call.ts';
import { CLOSE } from '../../protocol/courier.ts';
import { record } from '../events.ts';
import type { Json, Socket, Turn } from '../port.ts';
import { keepProof } from './proofs.ts';
import { expectReached } from './reach.ts';

/** Keys of mail that comes back as `answered`; they say what the answer is about. */
export const KEY = {
  invitation: 'invitation',
  account: 'account',
  question: 'question',
  lock: 'lock',
  call: 'call',
} as const;

const ALARMING = new Set(['failed', 'unreachable']);

export function socketOf(t: Turn, party: Party): Socket | undefined {
  return t.sockets().find((one) => (one.note as { device?: string } | null)?.device === party.device);
}

/** One effect of the call machine, in the machine's order. */
export function carryOut(t: Turn, effect: Effect): void {
  switch (effect.type) {
    case 'mail': {
      const { message } = effect.envelope.body as { message?: string };
      const key = effect.invitation
        ? `${KEY.invitation} ${effect.to.account} ${effect.to.device} ${message ?? ''}`
        : 'envelope';
      t.post(
        { kind: 'device', name: effect.to.device },
        key,
        { do: 'put', envelope: effect.envelope as unknown as Json },
        effect.until,
      );
      if (effect.invitation) expectReached(t);
      return;
    }
    case 'account': {
      const { mail } = effect;
      const asks = mail.type === 'invite-question' || mail.type === 'lock-take';
      const key = asks ? `${mail.type === 'lock-take' ? KEY.lock : KEY.question} ${mail.attempt}` : KEY.account;
      t.post({ kind: 'account', name: effect.to }, key, { do: 'call', mail: mail as unknown as Json }, effect.until);
      return;
    }
    case 'call':
      t.post(
        { kind: 'call', name: effect.to },
        `${KEY.call} ${effect.to}`,
        { do: 'call-mail', mail: effect.mail as unknown as Json },
        effect.until,
      );
      return;
    case 'frame':
      socketOf(t, effect.to)?.send(JSON.stringify(effect.frame));
      return;
    case 'close-socket':
      if (effect.silent) socketOf(t, effect.to)?.close(CLOSE.silent, 'silent');
      else socketOf(t, effect.to)?.close(1000, 'ended');
      return;
    case 'proof':
      keepProof(t, effect.place, effect.proof);
      return;
    case 'deadline':
      t.wake(effect.key, effect.at);
      return;
    case 'event':
      record(t, {
        type: effect.event,
        severity: ALARMING.has(effect.reason ?? '') ? 'notice' : 'info',
        subject: t.self.name,
        reason: effect.reason,
        reference: effect.reference,
      });
      return;
    case 'erase':
      t.erase();
  }
}
