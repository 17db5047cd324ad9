/** Runs inside a page: two ends of one call's media with a channel between them that loses, repeats and delays. */
import { PATIENCE_MS } from '../support/patience.ts';
import { MediaConnection, type MediaOptions, type MediaState } from '../../src/sdk/webrtc/index.ts';

export interface PairSettings {
  /** Share of signals lost and repeated, 0 to 1. */
  readonly loss?: number;
  readonly addresses?: MediaOptions['addresses'];
  readonly servers?: RTCIceServer[];
  readonly frames?: 'same' | 'different';
  /** Both restart at once after connecting, so that offers cross. */
  readonly glare?: boolean;
  readonly lowData?: boolean;
  /** Waits until the camera stepped down, then measures speech. */
  readonly squeeze?: boolean;
  readonly mute?: boolean;
  /** The server in the middle gives the callee another certificate's fingerprint. */
  readonly forge?: boolean;
}

export interface PairReport {
  readonly states: { caller: MediaState; callee: MediaState };
  readonly decoded: { caller: number; callee: number };
  readonly audio: { caller: number; callee: number };
  readonly path: string | null;
  readonly protection: string | null;
  readonly suspicious: string[];
  readonly candidates: string[];
  readonly milestones: string[];
  readonly fmtp: string;
  readonly restarted: boolean;
  /** Bits per second of speech sent while the picture was narrow, by second; the least the picture was allowed. */
  readonly squeezed: { readonly audioSent: number[]; readonly narrowest: number };
  /** What the callee heard of the caller's streams. */
  readonly muted: { readonly audio: boolean; readonly video: boolean; readonly screen: boolean } | null;
}

const workerUrl = () => (globalThis as unknown as { framesWorker: string }).framesWorker;
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A seeded coin, so that a failure can be seen again. */
function coin(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function channel(loss: number, forge: boolean) {
  const random = coin(7);
  const ends = [new Set<(content: Uint8Array) => void>(), new Set<(content: Uint8Array) => void>()];
  const seen: string[] = [];
  const end = (own: 0 | 1) => ({
    send(content: Uint8Array): void {
      let text = new TextDecoder().decode(content);
      seen.push(text);
      if (forge && own === 0)
        text = text.replaceAll(
          /a=fingerprint:sha-256 (\w\w)/g,
          (_, first: string) => `a=fingerprint:sha-256 ${first === '00' ? '11' : '00'}`,
        );
      const bytes = new TextEncoder().encode(text);
      for (let copies = random() < loss ? 0 : random() < loss ? 2 : 1; copies > 0; copies -= 1)
        setTimeout(() => ends[1 - own]!.forEach((listener) => listener(bytes)), random() * 40);
    },
    on(listener: (content: Uint8Array) => void) {
      ends[own]!.add(listener);
      return () => ends[own]!.delete(listener);
    },
  });
  return { ends: [end(0), end(1)] as const, seen };
}

export async function pairInPage(settings: PairSettings): Promise<PairReport> {
  const { ends, seen } = channel(settings.loss ?? 0, settings.forge ?? false);
  const suspicious: string[] = [];
  const media = () => navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 640, height: 480 } });
  const keys = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2), new Uint8Array(32).fill(3)] as const;
  const side = async (role: 'caller' | 'callee') => {
    const stream = await media();
    const [audio, video] = [stream.getAudioTracks()[0]!, stream.getVideoTracks()[0]!];
    const [send, receive] =
      role === 'caller' ? [keys[0], keys[1]] : [keys[settings.frames === 'different' ? 2 : 1], keys[0]];
    const connection = await MediaConnection.start(
      {
        role,
        signals: ends[role === 'caller' ? 0 : 1],
        iceServers: async () => ({ servers: settings.servers ?? [], until: Date.now() + 3_600_000 }),
        ...(settings.addresses && { addresses: settings.addresses }),
        ...(settings.lowData !== undefined && { lowData: settings.lowData }),
        ...(settings.frames && { frames: { worker: new Worker(workerUrl()), keys: { send, receive } } }),
        now: () => Date.now(),
        after: (ms, then) => {
          const timer = setTimeout(then, ms);
          return () => clearTimeout(timer);
        },
      },
      { audio, video },
    );
    connection.on('suspicious', (reason) => suspicious.push(reason));
    connection.on('track', ({ stream: name, track }) => {
      const element = document.createElement(name === 'audio' ? 'audio' : 'video');
      element.autoplay = true;
      element.muted = true;
      element.srcObject = new MediaStream([track]);
      document.body.append(element);
    });
    return connection;
  };
  const [callee, caller] = await Promise.all([side('callee'), side('caller')]);
  const heard: PairReport['muted'][] = [];
  callee.on('muted', (state) => {
    heard.push(state);
  });
  const decodes = settings.forge ? 0 : 10;
  const until = Date.now() + (settings.forge ? 4_000 : PATIENCE_MS);
  const framesOf = async (connection: MediaConnection) => (await connection.statistics()).framesDecoded;
  const done = async () =>
    caller.state === 'connected' &&
    callee.state === 'connected' &&
    (settings.frames === 'different' ||
      ('audio' in caller.milestones &&
        'video' in caller.milestones &&
        Math.min(await framesOf(caller), await framesOf(callee)) >= decodes));
  while (Date.now() < until && (settings.forge || !(await done()))) await wait(100);
  let restarted = false;
  if (settings.glare) {
    const ufrag = () => caller.peer.localDescription?.sdp.match(/a=ice-ufrag:(\S+)/)?.[1];
    const before = ufrag();
    caller.networkChanged();
    callee.networkChanged();
    const shown = await framesOf(callee);
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end; await wait(100))
      if (
        caller.peer.signalingState === 'stable' &&
        callee.peer.signalingState === 'stable' &&
        ufrag() !== before &&
        caller.peer.iceConnectionState === 'connected' &&
        (await framesOf(callee)) > shown + 10
      ) {
        restarted = true;
        break;
      }
  }
  const audioSent: number[] = [];
  let narrowest = Infinity;
  if (settings.squeeze) {
    caller.on('statistics', ({ rates, picture }) => {
      audioSent.push(rates.audio.sent);
      narrowest = Math.min(narrowest, picture.bitrate);
    });
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end && narrowest > 300_000;) await wait(200);
    audioSent.length = 0;
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end && audioSent.length < 4;) await wait(200);
  }
  if (settings.mute) {
    await caller.mute('video', true);
    for (const end = Date.now() + PATIENCE_MS; Date.now() < end && !heard.at(-1)?.video;) await wait(100);
  }
  await wait(1_200);
  const [ofCaller, ofCallee] = [await caller.statistics(), await callee.statistics()];
  const report: PairReport = {
    states: { caller: caller.state, callee: callee.state },
    decoded: { caller: ofCaller.framesDecoded, callee: ofCallee.framesDecoded },
    audio: { caller: ofCaller.rates.audio.received, callee: ofCallee.rates.audio.received },
    path: ofCaller.path,
    protection: ofCaller.protection,
    suspicious,
    candidates: seen.flatMap((text) => [...text.matchAll(/typ (\w+)/g)].map(([, type]) => type!)),
    milestones: Object.keys(caller.milestones).toSorted(),
    fmtp: seen.map((text) => /a=fmtp:111 [^\\]*/.exec(text)?.[0]).find((line) => line !== undefined) ?? '',
    restarted,
    squeezed: { audioSent, narrowest },
    muted: heard.at(-1) ?? null,
  };
  caller.close();
  callee.close();
  return report;
}

Object.assign(globalThis, { pairInPage });
