/** RTCIceServer of WebRTC, as a client hands it to its peer connection. */
export interface IceServer {
  readonly urls: readonly string[];
  readonly username?: string;
  readonly credential?: string;
}

/** For whom credentials are made; a relay learns neither. */
export interface TurnUser {
  readonly account: string;
  /** Null: for no call in particular. */
  readonly call: string | null;
}

export type Turned =
  | { readonly ok: true; readonly servers: readonly IceServer[] }
  | { readonly ok: false; readonly detail: string };

/** One provider of STUN and TURN. Credentials end at `until` (ms since 1970). */
export interface TurnProvider {
  serversFor(user: TurnUser, until: number, now: number): Promise<Turned>;
}

export type Fetcher = (url: string, init: RequestInit) => Promise<Response>;
