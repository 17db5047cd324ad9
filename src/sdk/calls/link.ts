/** The call plane of one call: opened after the grant, again after every loss, and the key confirmation over its relay. */
import { fromHex } from '../../bytes/hex.ts';
import type { CallFrame } from '../../protocol/call.ts';
import type { Bytes } from '../crypto/provider.ts';
import { decodeStun } from '../crypto/stun.ts';
import type { Ground } from './ground.ts';
import type { HeldCall } from './held.ts';
import { CallPlane } from './plane.ts';
import { startSignals } from './signals.ts';

const CONFIRM_RETRY_MS = 300;
/** Pause before a call-plane socket that was lost is opened again. */
const PLANE_RETRY_MS = 300;

/** Resolves when the plane is open and the confirmation was said once; it is said again until the peer has it. */
export async function link(ground: Ground, held: HeldCall): Promise<void> {
  const { call } = held;
  held.linkWanted = !held.session;
  if ((!held.session && !held.group?.newcomer) || held.plane) return;
  try {
    const events = {
      frame: (frame: CallFrame) => ground.step({ type: 'frame', frame }),
      datagram: (bytes: Bytes) => ground.behind(call.id, () => datagram(ground, held, bytes)),
      closed: () => lost(ground, held),
    };
    const plane = await CallPlane.open(ground.config, ground.api, call.id, events, held.over.signal);
    if (ground.find(call.id) !== held) return plane.close();
    held.plane = plane;
  } catch {
    return lost(ground, held);
  }
  ground.step({ type: 'transport', call: call.id, up: true });
  held.group?.opened();
  confirm(ground, held);
}

function confirm(ground: Ground, held: HeldCall): void {
  const { session } = held;
  held.stopHandshake();
  if (!session || held.heard) return;
  held.plane?.relay(session.request());
  held.stopHandshake = ground.config.after(CONFIRM_RETRY_MS, () => confirm(ground, held));
}

function lost(ground: Ground, held: HeldCall): void {
  const { call } = held;
  held.plane = null;
  if (ground.find(call.id) !== held) return;
  ground.step({ type: 'transport', call: call.id, up: false });
  held.stopReopening();
  held.stopReopening = ground.config.after(PLANE_RETRY_MS, () => ground.behind(call.id, () => link(ground, held)));
}

/** The peer's confirmation, or once it verified a datagram of the peer's. One that is said again to a session that is over is nothing. */
async function datagram(ground: Ground, held: HeldCall, bytes: Bytes): Promise<void> {
  const { call, session } = held;
  const heard = session ? await session.receive(bytes) : null;
  if (ground.find(call.id) !== held) return;
  if (!heard?.ok) {
    if (held.signals && !(heard?.reason === 'ended' && decodeStun(bytes))) call.tell('datagram', bytes);
    return;
  }
  held.keys = heard.keys;
  startSignals(ground, held, fromHex(call.id) ?? new Uint8Array(), heard.keys);
  if (heard.reply) held.plane?.relay(heard.reply);
  if (heard.answered) {
    held.heard = true;
    held.stopHandshake();
  }
  ground.step({ type: 'peer-confirmed', call: call.id });
}
