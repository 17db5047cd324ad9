/** A peer connection of one call: made when the call says `media`, and not before; closed with it. */
import { decodePeerMessage, encodePeerMessage, type PeerMessage } from './message.ts';
import type { Bytes } from '../crypto/provider.ts';
import type { SessionKeys } from '../crypto/schedule.ts';
import type { FrameOrder } from './frames.ts';
import { Negotiation } from './negotiation.ts';
import type { Ceiling, StreamName } from './quality.ts';
import { sampleOf, type Statistics, statisticsReader } from './statistics.ts';
import { Streams } from './streams.ts';

/** The call's sealed signals, as bytes: volatile, in any order. */
export interface SignalPath {
  send(content: Bytes): void;
  /** Returns how to stop listening. */
  on(listener: (content: Uint8Array) => void): () => void;
}

export interface MediaOptions {
  /** Who placed the call; that side offers first, and its offer stands when both do. */
  readonly role: 'caller' | 'callee';
  readonly signals: SignalPath;
  /** Asked at the start and again before `until` (ms) passes. */
  readonly iceServers: () => Promise<{ servers: RTCIceServer[]; until: number }>;
  /** `relay-only` never shows the peer an address of this device. */
  readonly addresses?: 'direct' | 'relay-only';
  readonly lowData?: boolean;
  /** Frames are encrypted from end to end in this worker, which runs `serveFrames(self)`. */
  readonly frames?: { readonly worker: Worker; readonly keys: SessionKeys['sframe'] };
  readonly now: () => number;
  readonly after: (ms: number, then: () => void) => () => void;
  /** `(configuration) => new RTCPeerConnection(configuration)` where that is no global. */
  readonly peerConnection?: (configuration: RTCConfiguration) => RTCPeerConnection;
}

export type MediaState = 'connecting' | 'connected' | 'reconnecting' | 'failed' | 'closed';

export interface MediaEvents {
  /** The peer's stream, once per stream and connection. */
  track: { readonly stream: StreamName; readonly track: MediaStreamTrack };
  state: MediaState;
  /** Once a second while connected; `picture` is what the camera's stream may cost now. */
  statistics: Statistics & { readonly picture: Ceiling };
  /** The peer sends nothing on these. */
  muted: { readonly audio: boolean; readonly video: boolean; readonly screen: boolean };
  suspicious: string;
}

/** When each step was first reached, ms of the clock given. */
export type Milestone = 'started' | 'described' | 'connected' | 'audio' | 'video';

const STATISTICS_MS = 1_000;
/** A path that is only disturbed comes back by itself within this. */
const DISTURBED_MS = 2_500;
const RESTART_MS = 6_000;
const SERVERS_BEFORE_MS = 60_000;
/** What is muted is told at once and twice again: signals may be lost. */
const MUTED_AGAIN_MS = [1_000, 5_000] as const;

type Listener = (event: never) => void;

export class MediaConnection {
  readonly peer: RTCPeerConnection;
  readonly milestones: Partial<Record<Milestone, number>> = {};
  state: MediaState = 'connecting';
  readonly #options: MediaOptions;
  readonly #negotiation: Negotiation;
  readonly #listeners = new Map<keyof MediaEvents, Set<Listener>>();
  readonly #streams: Streams;
  readonly #read = statisticsReader();
  readonly #timers = new Map<string, () => void>();
  readonly #stopListening: () => void;
  #mutedNumber = 0;
  #mutedHeard = 0;

  private constructor(options: MediaOptions, peer: RTCPeerConnection, streams: Streams) {
    this.#options = options;
    this.#streams = streams;
    this.peer = peer;
    this.#reach('started');
    this.#negotiation = new Negotiation(peer, {
      polite: options.role === 'callee',
      send: (message) => options.signals.send(encodePeerMessage(message)),
      after: options.after,
      audio: () => ({ bitrate: streams.ceiling('audio').bitrate, fec: true, dtx: streams.lowData }),
      offered: () => streams.join(),
      suspicious: (reason) => this.#tell('suspicious', reason),
    });
    this.#stopListening = options.signals.on((content) => this.#heard(content));
    peer.addEventListener('connectionstatechange', () => this.#changed());
    peer.addEventListener('signalingstatechange', () => {
      if (peer.signalingState === 'stable') this.#reach('described');
    });
    peer.addEventListener('track', ({ transceiver, track }) => this.#arrived(transceiver, track));
  }

  /** Asks for ICE servers and starts; the caller's side offers its three streams. */
  static async start(
    options: MediaOptions,
    tracks: Partial<Record<StreamName, MediaStreamTrack>> = {},
  ): Promise<MediaConnection> {
    const { servers, until } = await options.iceServers();
    const make = options.peerConnection ?? ((configuration) => new RTCPeerConnection(configuration));
    const peer = make({
      iceServers: servers,
      iceTransportPolicy: options.addresses === 'relay-only' ? 'relay' : 'all',
      bundlePolicy: 'max-bundle',
      rtcpMuxPolicy: 'require',
    });
    const streams = new Streams(peer, options.frames?.worker ?? null, tracks, options.lowData ?? false);
    const connection = new MediaConnection(options, peer, streams);
    connection.#refreshServers(until);
    if (options.frames) connection.#sendFrameKeys(options.frames);
    if (options.role === 'caller') streams.lay();
    else if (options.frames) streams.layPlaceholders();
    return connection;
  }

  on<K extends keyof MediaEvents>(name: K, listener: (event: MediaEvents[K]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(name, listeners);
    return () => listeners.delete(listener);
  }

  /** Another microphone, camera or screen, or none; nothing is negotiated again. */
  async use(stream: StreamName, track: MediaStreamTrack | null): Promise<void> {
    await this.#streams.use(stream, track);
    this.#tellMuted();
  }

  /** Sends nothing on this stream, and says so to the peer; the device stays at hand. */
  async mute(stream: StreamName, muted: boolean): Promise<void> {
    await this.#streams.mute(stream, muted);
    this.#tellMuted();
  }

  /** Lower rates both ways: ours at once, the peer's with the next description. */
  async lowData(on: boolean): Promise<void> {
    await this.#streams.setLowData(on);
    this.#negotiation.restart();
  }

  /** The platform says that the network is another one: ICE starts again, media goes on meanwhile where it can. */
  networkChanged(): void {
    if (this.state !== 'closed') this.#negotiation.restart();
  }

  async statistics(): Promise<Statistics> {
    return this.#read(await this.peer.getStats(), this.#options.now());
  }

  close(): void {
    if (this.state === 'closed') return;
    this.#become('closed');
    for (const stop of this.#timers.values()) stop();
    this.#stopListening();
    this.#negotiation.close();
    this.#options.frames?.worker.postMessage({ type: 'erase' } satisfies FrameOrder);
    this.peer.close();
  }

  #arrived(transceiver: RTCRtpTransceiver, track: MediaStreamTrack): void {
    const stream = this.#streams.nameOf(transceiver);
    if (!stream) return;
    if (stream !== 'screen') track.addEventListener('unmute', () => this.#reach(stream), { once: true });
    this.#tell('track', { stream, track });
  }

  #sendFrameKeys({ worker, keys }: NonNullable<MediaOptions['frames']>): void {
    worker.postMessage({ type: 'keys', send: keys.send, receive: keys.receive } satisfies FrameOrder);
  }

  #tellMuted(): void {
    this.#mutedNumber += 1;
    const said = encodePeerMessage({ type: 'muted', number: this.#mutedNumber, ...this.#streams.silent() });
    this.#options.signals.send(said);
    for (const ms of MUTED_AGAIN_MS) this.#in(`muted ${ms}`, ms, () => this.#options.signals.send(said));
  }

  async #measure(): Promise<void> {
    if (this.state === 'closed') return;
    const seen = await this.statistics();
    await this.#streams.measured(sampleOf(seen));
    this.#tell('statistics', { ...seen, picture: this.#streams.ceiling('video') });
    this.#in('statistics', STATISTICS_MS, () => void this.#measure());
  }

  #heard(content: Uint8Array): void {
    const message = decodePeerMessage(content);
    if (message?.type === 'muted') return this.#onMuted(message);
    if (message) void this.#negotiation.heard(message);
  }

  #onMuted({ number, audio, video, screen }: PeerMessage & { type: 'muted' }): void {
    if (number <= this.#mutedHeard) return;
    this.#mutedHeard = number;
    this.#tell('muted', { audio, video, screen });
  }

  #changed(): void {
    const { connectionState } = this.peer;
    if (connectionState === 'connected') return void this.#connected();
    if (this.state === 'connecting' && connectionState !== 'failed') return;
    if (connectionState === 'disconnected') {
      this.#become('reconnecting');
      this.#in('restart', DISTURBED_MS, () => this.#restart());
    } else if (connectionState === 'failed') {
      this.#become(this.milestones.connected === undefined ? 'failed' : 'reconnecting');
      this.#restart();
    }
  }

  /** Until the path is there again, or the call's own lease ends it. */
  #restart(): void {
    if (this.state !== 'reconnecting' && this.state !== 'failed') return;
    this.#negotiation.restart();
    this.#in('restart', RESTART_MS, () => this.#restart());
  }

  async #connected(): Promise<void> {
    this.#timers.get('restart')?.();
    if ((await this.#shown()) !== this.#negotiation.fingerprint) {
      this.#tell('suspicious', 'certificate');
      return this.close();
    }
    this.#reach('connected');
    this.#become('connected');
    this.#tellMuted();
    await this.#streams.limit();
    this.#in('statistics', STATISTICS_MS, () => void this.#measure());
  }

  /** SHA-256 of the certificate that the peer did show in DTLS; where a browser does not give it, what it checked itself. */
  async #shown(): Promise<string | null> {
    const transport = this.peer.getTransceivers()[0]?.sender.transport;
    const [certificate] = transport?.getRemoteCertificates?.() ?? [];
    if (!certificate) return this.#negotiation.fingerprint;
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', certificate));
    return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  #refreshServers(until: number): void {
    const wait = Math.max(1_000, until - this.#options.now() - SERVERS_BEFORE_MS);
    this.#in('servers', wait, () => void this.#moreServers());
  }

  /** A call outlives its credentials: an allocation is refreshed under those it was made with, a restart needs new ones. */
  async #moreServers(): Promise<void> {
    try {
      const { servers, until } = await this.#options.iceServers();
      if (this.state === 'closed') return;
      this.peer.setConfiguration({ ...this.peer.getConfiguration(), iceServers: servers });
      this.#refreshServers(until);
    } catch {
      this.#in('servers', SERVERS_BEFORE_MS / 4, () => void this.#moreServers());
    }
  }

  #in(name: string, ms: number, then: () => void): void {
    this.#timers.get(name)?.();
    if (this.state !== 'closed') this.#timers.set(name, this.#options.after(ms, then));
  }

  #reach(milestone: Milestone): void {
    this.milestones[milestone] ??= this.#options.now();
  }

  #become(state: MediaState): void {
    if (this.state === state) return;
    this.state = state;
    this.#tell('state', state);
  }

  #tell<K extends keyof MediaEvents>(name: K, event: MediaEvents[K]): void {
    for (const listener of this.#listeners.get(name) ?? []) (listener as (event: MediaEvents[K]) => void)(event);
  }
}
