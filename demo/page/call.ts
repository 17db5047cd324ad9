/** The demonstration's page: enroll this browser, call another window. */
import { type Call, type CallsignClient, CallsignError } from '../../src/sdk/index.ts';
import { type MediaConnection, startMedia } from '../../src/sdk/webrtc/index.ts';
import { connectDevice, enrollDevice, openDevice, proveHandle } from './device.ts';

const find = (id: string): HTMLElement => document.querySelector<HTMLElement>(`#${id}`)!;
const input = (id: string): HTMLInputElement => find(id) as HTMLInputElement;
const video = (id: string): HTMLVideoElement => find(id) as HTMLVideoElement;
const show = (id: string, shown: boolean): void => void (find(id).hidden = !shown);
const status = (text: string): void => void (find('status').textContent = text);
const HANDLE = 'callsign-demo-handle';

function note(text: string): void {
  const line = document.createElement('li');
  line.textContent = `${new Date().toLocaleTimeString()} ${text}`;
  find('log').append(line);
}

/** Runs what a person asked for, and says in words what went wrong. */
async function attempt(work: () => Promise<void>): Promise<void> {
  show('problem', false);
  try {
    await work();
  } catch (error) {
    find('problem').textContent =
      error instanceof CallsignError
        ? `That did not work: ${error.code}, ${error.reason}.`
        : `That did not work: ${String(error)}`;
    show('problem', true);
  }
}

let client: CallsignClient;
let call: Call | null = null;
let media: MediaConnection | null = null;
let own: MediaStream | null = null;

/** Camera and microphone, or what of them there is. */
async function devices(): Promise<MediaStream> {
  for (const wish of [{ audio: true, video: { width: 640, height: 480 } }, { audio: true }])
    try {
      return await navigator.mediaDevices.getUserMedia(wish);
    } catch {
      note('video' in wish ? 'no camera to use' : 'no microphone to use');
    }
  return new MediaStream();
}

async function talk(one: Call): Promise<void> {
  call = one;
  show('dial', false);
  one.on('state', ({ phase }) => status(phase));
  one.on('ended', ({ reason, elsewhere }) => over(reason, elsewhere));
  own = await devices();
  const [sound, picture] = [own.getAudioTracks()[0], own.getVideoTracks()[0]];
  video('local').srcObject = own;
  const connected = startMedia(
    one,
    {
      iceServers: () => client.iceServers(one),
      now: () => Date.now(),
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
    },
    { ...(sound && { audio: sound }), ...(picture && { video: picture }) },
  );
  const begun = await Promise.race([one.next('media'), one.next('ended').then(() => null)]);
  if (begun) find('digits').textContent = begun.keys.sas;
  show('call', begun !== null);
  media = await connected;
  if (media) watch(media);
}

function watch(connection: MediaConnection): void {
  const remote = video('remote');
  const stream = new MediaStream();
  remote.srcObject = stream;
  connection.on('track', ({ stream: name, track }) => {
    if (name !== 'screen') stream.addTrack(track);
  });
  connection.on('state', (state) => note(`media ${state}`));
  connection.on('suspicious', (reason) => note(`not believed: ${reason}`));
  connection.on('statistics', ({ rates, path, protection }) => {
    const kbps = (bits: number) => Math.round(bits / 1_000);
    find('figures').textContent =
      `speech ${kbps(rates.audio.sent)} kbit/s out, ${kbps(rates.audio.received)} in; ` +
      `picture ${kbps(rates.video.sent)} out, ${kbps(rates.video.received)} in; ${path ?? ''} ${protection ?? ''}`;
  });
}

function over(reason: string, elsewhere: string | null): void {
  note(elsewhere ? `${elsewhere} on another device` : `ended: ${reason}`);
  for (const track of own?.getTracks() ?? []) track.stop();
  [call, media, own] = [null, null, null];
  show('call', false);
  show('incoming', false);
  show('dial', true);
  ready();
}

function incoming(one: Call): void {
  find('who').textContent = `${one.peer.handle ?? 'Somebody'} is calling`;
  show('incoming', true);
  show('dial', false);
  void talk(one);
  one.on('phase', (phase) => show('incoming', phase === 'alerting'));
}

function ready(): void {
  status(`You are ${localStorage.getItem(HANDLE) ?? 'enrolled'}; waiting for calls.`);
}

async function start(): Promise<void> {
  const { config, enrolled } = await openDevice();
  const online = async () => {
    client = await connectDevice(config, {
      incoming,
      offline: () => status('No connection; trying again.'),
      online: () => {
        if (!call) ready();
      },
      closed: (code) => status(code === 4409 ? 'This device is open in another window.' : `Closed: ${code}`),
      suspicious: (_, reason) => note(`dropped: ${reason}`),
    });
    show('enroll', false);
    show('dial', true);
  };
  if (enrolled) return online();
  status('Not enrolled yet.');
  show('enroll', true);
  find('enroll').addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt(async () => {
      status('Proving a key to the server…');
      await enrollDevice(config);
      await online();
      const handle = input('handle').value.trim();
      await proveHandle(client, handle);
      localStorage.setItem(HANDLE, handle);
      ready();
    });
  });
}

find('dial').addEventListener('submit', (event) => {
  event.preventDefault();
  void attempt(async () => {
    const handle = input('peer').value.trim();
    const peer = await client.find(handle, { claim: true });
    if (!peer) throw new Error(`nobody answers to ${handle}`);
    await talk(client.call(peer, ['audio', 'video']));
  });
});
find('accept').addEventListener('click', () => call?.accept());
find('decline').addEventListener('click', () => call?.decline());
find('hangup').addEventListener('click', () => call?.hangup());
for (const [id, stream] of [
  ['microphone', 'audio'],
  ['camera', 'video'],
] as const)
  find(id).addEventListener('change', ({ target }) => void media?.mute(stream, !(target as HTMLInputElement).checked));
find('low').addEventListener('change', ({ target }) => void media?.lowData((target as HTMLInputElement).checked));
addEventListener('online', () => client?.networkChanged());
void attempt(start);
