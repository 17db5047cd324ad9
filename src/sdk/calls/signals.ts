/** Later messages of a call, sealed between its two devices: the SDK carries them, the media binding fills them. */
import { base64url, fromBase64url } from '../../bytes/base64url.ts';
import { hex } from '../../bytes/hex.ts';
import type { PlaneFrame } from '../../protocol/call.ts';
import type { SessionKeys } from '../crypto/schedule.ts';
import { opposite } from '../crypto/schedule.ts';
import { signalReceiver, signalSender } from '../crypto/signal.ts';
import { CallsignError } from '../errors.ts';
import type { Ground } from './ground.ts';
import type { HeldCall } from './held.ts';

type SignalFrame = PlaneFrame & { type: 'signal' };

/** Signals of a peer that is ahead of us, kept until our own keys are there; more are dropped. */
const EARLY_MAX = 32;

/** From the confirmation on; counters begin at 0 once per call, so the keys are set once. */
export function startSignals({ config }: Ground, held: HeldCall, callId: Uint8Array, { signal }: SessionKeys): void {
  if (held.signals) return;
  const { role } = held.call;
  held.signals = {
    sender: signalSender(config.crypto, signal.send, callId, role),
    receiver: signalReceiver(config.crypto, signal.receive, callId, opposite(role)),
  };
}

export async function sendSignal(
  ground: Ground,
  { call, signals }: HeldCall,
  content: Uint8Array,
  generation: number | null,
): Promise<void> {
  if (!signals) throw new CallsignError('call', 'not-confirmed');
  const sealed = await signals.sender.seal(content);
  if (!sealed) throw new CallsignError('local', 'signal-too-large');
  const reply = await ground.say({
    verb: 'signal',
    call: call.id,
    attempt: 0,
    message: hex(ground.config.crypto.random(16)),
    body: base64url(sealed),
    ...(generation !== null && { generation }),
  });
  if (!reply?.ok) throw new CallsignError('call', reply?.reason ?? 'unanswered');
}

/** One after the other, so that the application hears them in the order they came. */
export function onSignal(ground: Ground, held: HeldCall, frame: SignalFrame): void {
  if (!held.signals) {
    if (held.early.length < EARLY_MAX) held.early.push(frame);
    return;
  }
  held.opening = held.opening.then(() => open(ground, held, frame));
}

/** What came before the keys were there, after the application heard that they are. */
export function openEarly(ground: Ground, held: HeldCall): void {
  for (const frame of held.early.splice(0)) onSignal(ground, held, frame);
}

/** A copy is nothing new; anything else that does not open was not made by the peer. */
async function open(ground: Ground, held: HeldCall, frame: SignalFrame): Promise<void> {
  const sealed = fromBase64url(frame.body);
  const opened = sealed && (await held.signals?.receiver.open(sealed));
  if (!opened || ground.find(held.call.id) !== held) return;
  if (!opened.ok) {
    if (opened.reason !== 'replayed') ground.suspicious(held.call.id, `signal-${opened.reason}`);
    return;
  }
  const { generation = null } = frame;
  if (generation !== null && generation < held.generation) return;
  held.generation = Math.max(held.generation, generation ?? 0);
  held.call.tell('signal', { content: opened.content, generation });
}
