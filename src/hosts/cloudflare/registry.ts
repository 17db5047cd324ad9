import type { Actor } from '../../actors/port.ts';

/** A room whose actor has not moved in: it answers `unknown`, keeps nothing, and closes what is opened. */
function vacant(kind: string): Actor {
  return {
    kind,
    tables: [],
    schema: [],
    admit: async () => null,
    turn: (_, event) => {
      if (event.type === 'opened') event.socket.close(4404, 'unknown');
      return { ok: false, reason: 'unknown' };
    },
  };
}

export const account = vacant('account');
export const device = vacant('device');
export const call = vacant('call');
