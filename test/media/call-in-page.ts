/** Runs inside a page: one device of the SDK, enrolled at a real server, with the page's camera and microphone. */
import {
  type Call,
  CallsignClient,
  defaultConfig,
  developmentAttester,
  enroll,
  memoryStore,
  webCrypto,
} from '../../src/sdk/index.ts';
import { fromBase64url } from '../../src/bytes/base64url.ts';
import { type MediaConnection, startMedia } from '../../src/sdk/webrtc/index.ts';

export interface Seen {
  readonly sas: string;
  readonly state: string;
  readonly framesDecoded: number;
  readonly path: string | null;
  /** Bits per second of speech from the peer, since the last look. */
  readonly hears: number;
  readonly suspicious: string[];
}

const suspicious: string[] = [];
let client: CallsignClient;
let call: Call;
let media: MediaConnection | null = null;

async function answersTo(origin: string, handle: string): Promise<string> {
  const answer = await fetch(`${origin}/v1/development/inbox?handle=${encodeURIComponent(`mail1:${handle}`)}`);
  return ((await answer.json()) as { code: string }).code;
}

async function mediaOf(of: Call): Promise<void> {
  call = of;
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 480 } });
  media = await startMedia(
    of,
    {
      iceServers: async () => ({ servers: [], until: Date.now() + 3_600_000 }),
      now: () => Date.now(),
      after: (ms, then) => {
        const timer = setTimeout(then, ms);
        return () => clearTimeout(timer);
      },
    },
    { audio: stream.getAudioTracks()[0]!, video: stream.getVideoTracks()[0]! },
  );
  media?.on('suspicious', (reason) => suspicious.push(reason));
  media?.on('track', ({ track }) => {
    const element = document.createElement('video');
    element.autoplay = true;
    element.muted = true;
    element.srcObject = new MediaStream([track]);
    document.body.append(element);
  });
}

const page = {
  async enroll(origin: string, handle: string | null): Promise<void> {
    const { deployment, root } = (await (await fetch(`${origin}/v1/deployment`)).json()) as Record<string, string>;
    const config = defaultConfig({
      deployment: deployment!,
      origin,
      roots: [fromBase64url(root!)!],
      crypto: webCrypto(),
      store: memoryStore(),
    });
    const { identity } = await enroll(config, developmentAttester(config.crypto));
    let online = () => {};
    const connected = new Promise<void>((resolve) => {
      online = resolve;
    });
    client = new CallsignClient(config, identity, {
      online,
      suspicious: (_, reason) => suspicious.push(reason),
      incoming: (incoming) => {
        void mediaOf(incoming);
        incoming.accept();
      },
    });
    await client.publishKeys();
    if (handle) await client.addHandle(handle, () => answersTo(origin, handle));
    await client.connect();
    await connected;
  },
  async call(handle: string): Promise<void> {
    const peer = await client.find(handle, { claim: true });
    void mediaOf(client.call(peer!, ['audio', 'video']));
  },
  async look(): Promise<Seen> {
    const statistics = media && (await media.statistics());
    return {
      sas: call?.keys?.sas ?? '',
      state: media?.state ?? 'none',
      framesDecoded: statistics?.framesDecoded ?? 0,
      path: statistics?.path ?? null,
      hears: statistics?.rates.audio.received ?? 0,
      suspicious,
    };
  },
  networkChanged: () => media?.networkChanged(),
  hangup: () => call.hangup(),
};

export type InPage = typeof page;
Object.assign(globalThis, { callsign: page });
