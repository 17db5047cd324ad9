/** The three streams of a connection: which transceiver carries which, what is sent on it, and how much that may cost. */
import type { FrameRole } from './frames.ts';
import {
  AUDIO,
  type Ceiling,
  LOW_DATA_STEP,
  pace,
  type Pace,
  type Sample,
  SCREEN,
  type StreamName,
  STREAMS,
  VIDEO_STEPS,
} from './quality.ts';

export class Streams {
  readonly #peer: RTCPeerConnection;
  readonly #worker: Worker | null;
  readonly #tracks = new Map<StreamName, MediaStreamTrack>();
  readonly #silenced = new Set<StreamName>();
  readonly #senders = new Map<StreamName, RTCRtpSender>();
  #pace: Pace = { step: 1, calm: 0 };
  #lowData: boolean;

  constructor(
    peer: RTCPeerConnection,
    worker: Worker | null,
    tracks: Partial<Record<StreamName, MediaStreamTrack>>,
    lowData: boolean,
  ) {
    this.#peer = peer;
    this.#worker = worker;
    this.#lowData = lowData;
    for (const stream of STREAMS) {
      const track = tracks[stream];
      if (track) this.#tracks.set(stream, track);
    }
  }

  /** The caller's layout: one transceiver per stream, in the order of `STREAMS`; what is not sent now can be later. */
  lay(): void {
    for (const stream of STREAMS) {
      const kind = stream === 'audio' ? 'audio' : 'video';
      this.#adopt(stream, this.#peer.addTransceiver(kind, { direction: 'sendrecv' }));
    }
  }

  /** With encrypted frames the answering side, too, needs its receivers before the offer is taken: only then a transform holds. */
  layPlaceholders(): void {
    for (const stream of STREAMS) {
      const sender = this.#peer.addTrack(this.#tracks.get(stream) ?? placeholder(stream));
      const transceiver = this.#peer.getTransceivers().find((one) => one.sender === sender);
      if (transceiver) this.#adopt(stream, transceiver);
    }
  }

  /** The callee takes the caller's layout as it comes. */
  join(): void {
    const laid = this.#laid();
    for (const [i, stream] of STREAMS.entries()) {
      const transceiver = laid[i];
      if (!transceiver || this.#senders.has(stream)) continue;
      transceiver.direction = 'sendrecv';
      this.#adopt(stream, transceiver);
    }
  }

  nameOf(transceiver: RTCRtpTransceiver): StreamName | undefined {
    return STREAMS[this.#laid().indexOf(transceiver)];
  }

  async use(stream: StreamName, track: MediaStreamTrack | null): Promise<void> {
    if (track) this.#tracks.set(stream, track);
    else this.#tracks.delete(stream);
    await this.#attach(stream);
  }

  async mute(stream: StreamName, muted: boolean): Promise<void> {
    if (muted) this.#silenced.add(stream);
    else this.#silenced.delete(stream);
    await this.#attach(stream);
  }

  /** Which carry nothing. */
  silent(): Record<StreamName, boolean> {
    const silent = (stream: StreamName) => this.#silenced.has(stream) || !this.#tracks.has(stream);
    return { audio: silent('audio'), video: silent('video'), screen: silent('screen') };
  }

  get lowData(): boolean {
    return this.#lowData;
  }

  async setLowData(on: boolean): Promise<void> {
    this.#lowData = on;
    await this.limit();
  }

  ceiling(stream: StreamName): Ceiling {
    if (stream === 'audio') return AUDIO[this.#lowData ? 'lowData' : 'usual'];
    return stream === 'screen' ? SCREEN : VIDEO_STEPS[Math.max(this.#pace.step, this.#best())]!;
  }

  /** One more second was measured. */
  async measured(sample: Sample): Promise<void> {
    const { step } = this.#pace;
    this.#pace = pace(this.#pace, sample, this.ceiling('audio').bitrate, this.#best());
    if (this.#pace.step !== step) await this.limit();
  }

  async limit(): Promise<void> {
    for (const [stream, sender] of this.#senders) await limit(sender, stream, this.ceiling(stream));
  }

  #best(): number {
    return this.#lowData ? LOW_DATA_STEP : 0;
  }

  #laid(): RTCRtpTransceiver[] {
    return this.#peer.getTransceivers().toSorted((a, b) => Number(a.mid) - Number(b.mid));
  }

  #adopt(stream: StreamName, transceiver: RTCRtpTransceiver): void {
    this.#senders.set(stream, transceiver.sender);
    if (this.#worker) encryptFrames(this.#worker, stream, transceiver);
    void this.#attach(stream);
  }

  async #attach(stream: StreamName): Promise<void> {
    const track = this.#silenced.has(stream) ? null : (this.#tracks.get(stream) ?? null);
    await this.#senders.get(stream)?.replaceTrack(track);
    await this.limit();
  }
}

async function limit(sender: RTCRtpSender, stream: StreamName, ceiling: Ceiling): Promise<void> {
  const parameters = sender.getParameters();
  const [encoding] = parameters.encodings ?? [];
  if (!encoding) return;
  encoding.active = ceiling.bitrate > 0;
  if (ceiling.bitrate > 0) encoding.maxBitrate = ceiling.bitrate;
  if (ceiling.frames !== undefined) encoding.maxFramerate = ceiling.frames;
  if (ceiling.scale !== undefined) encoding.scaleResolutionDownBy = ceiling.scale;
  encoding.priority = stream === 'audio' ? 'high' : 'low';
  encoding.networkPriority = encoding.priority;
  parameters.degradationPreference = stream === 'screen' ? 'maintain-resolution' : 'balanced';
  /** Refused while a description is being applied; the next step or second sets it again. */
  await sender.setParameters(parameters).catch(() => undefined);
}

function encryptFrames(worker: Worker, stream: StreamName, transceiver: RTCRtpTransceiver): void {
  const at = STREAMS.indexOf(stream);
  transceiver.sender.transform = new RTCRtpScriptTransform(worker, { way: 'send', stream: at } satisfies FrameRole);
  transceiver.receiver.transform = new RTCRtpScriptTransform(worker, {
    way: 'receive',
    stream: at,
  } satisfies FrameRole);
  if (stream !== 'audio') preferOpaqueCodecs(transceiver);
}

/** A packetizer that looks into frames cannot take encrypted ones: only codecs whose frames it passes as they are. */
function preferOpaqueCodecs(transceiver: RTCRtpTransceiver): void {
  const { codecs } = RTCRtpReceiver.getCapabilities('video') ?? { codecs: [] };
  transceiver.setCodecPreferences(codecs.filter(({ mimeType }) => /^video\/(VP8|rtx)$/i.test(mimeType)));
}

/** A track that carries nothing, for the place of one that is not there yet. */
function placeholder(stream: StreamName): MediaStreamTrack {
  const source =
    stream === 'audio'
      ? new AudioContext().createMediaStreamDestination().stream
      : document.createElement('canvas').captureStream(0);
  return source.getTracks()[0]!;
}
