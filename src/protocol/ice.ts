/** STUN and TURN servers for a client's peer connection. */
import * as v from 'valibot';
import { CallId } from './call.ts';
import { Millis } from './identity.ts';

/** Lists of servers that an account may ask for: at once, and one more per so many ms. */
export const ICE_QUOTA = { burst: 20, perMs: 30_000 } as const;

/** POST /v1/ice-servers. `call`: one that the device has a part in; its credentials are then of that call. */
export const IceRequest = v.object({ call: v.optional(CallId) });

/** RTCIceServer. */
export const IceServer = v.object({
  urls: v.array(v.string()),
  username: v.exactOptional(v.string()),
  credential: v.exactOptional(v.string()),
});
export type IceServer = v.InferOutput<typeof IceServer>;

export const IceReply = v.object({
  iceServers: v.array(IceServer),
  /** The credentials end then; ask again before. */
  expiresAt: Millis,
  serverNow: Millis,
});
export type IceReply = v.InferOutput<typeof IceReply>;
