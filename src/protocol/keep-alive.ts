/**
 * The automatic keep-alive of a courier or call socket: a client's text frame `PING` is answered with the text frame `PONG`
 * by the host, without a turn and without waking the actor. It counts as hearing the peer. Every real host does the same.
 */
export const PING = 'ping';
export const PONG = 'pong';
