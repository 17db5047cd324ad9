/** Protects and unprotects packets under a clock that is handed in: the same rounds in Node and in a page. */
import { srtpReceiver } from '../../src/sdk/media/receiver.ts';
import { RTP_OVERHEAD, srtpSender } from '../../src/sdk/media/sender.ts';
import type { SrtpCrypto } from '../../src/sdk/media/srtp-crypto.ts';

/** The same master key for every implementation, so that all do the same work. */
export const MASTER = { key: new Uint8Array(32).fill(7), salt: new Uint8Array(14).fill(9) };
const SSRC = 0xcafe0001;
const ROUNDS = 5;

/** Packets per second, the best of five rounds. */
export interface Rates {
  readonly protect: number;
  readonly unprotect: number;
}

/** Each packet of a round is protected in place, and then unprotected in place. */
export interface Round {
  protect(): unknown;
  unprotect(): unknown;
}

function packets(count: number, payload: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const packet = new Uint8Array(12 + payload + RTP_OVERHEAD).fill(i);
    packet.set([0x80, 0, i >> 8, i, 0, 0, 0, 1]);
    new DataView(packet.buffer).setUint32(8, SSRC);
    return packet;
  });
}

export function roundOf(crypto: SrtpCrypto, payload: number, count: number): Round {
  const all = packets(count, payload);
  const [sender, receiver] = [srtpSender(crypto, MASTER), srtpReceiver(crypto, MASTER)];
  return {
    protect() {
      for (const packet of all) if (!sender.rtp(packet, 12 + payload).ok) throw new Error('protect');
    },
    unprotect() {
      for (const packet of all) if (!receiver.rtp(packet, packet.length).ok) throw new Error('unprotect');
    },
  };
}

/** `clock`: seconds of CPU time of whatever runs the rounds. */
export async function ratesOf(
  count: number,
  clock: () => number | Promise<number>,
  begin: () => Round | Promise<Round>,
): Promise<Rates> {
  const best = { protect: 0, unprotect: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const work = await begin();
    for (const verb of ['protect', 'unprotect'] as const) {
      const start = await clock();
      await work[verb]();
      best[verb] = Math.max(best[verb], count / ((await clock()) - start));
    }
  }
  return best;
}
