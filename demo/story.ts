import { base64url, fromBase64url } from '../src/bytes/base64url.ts';
import type { SessionKeys } from '../src/sdk/crypto/schedule.ts';
import type { Call, Peer } from '../src/sdk/index.ts';
import type { Tpm } from '../src/sdk/tpm/tpm.ts';
import { exchange, type Exchanged, type MediaCount } from './media.ts';
import {
  configFor,
  type Deployment,
  type Device,
  enrollDevice,
  PATIENCE_MS,
  type SentEnrollment,
  within,
} from './people.ts';
import type { Server } from './server.ts';
import type { Timeline } from './timeline.ts';

export interface Told {
  readonly sessionSecretEqual: boolean;
  readonly srtp: MediaCount;
  /** What the two that talked sent and received, by stream. */
  readonly streams: { readonly alice: Exchanged; readonly phone: Exchanged };
  readonly legs: { readonly won: number; readonly elsewhere: number };
  readonly attestation: readonly {
    readonly device: string;
    readonly format: string;
    readonly hardware: string;
    readonly binding: string;
    readonly anchor: string | null;
  }[];
  readonly history: readonly { readonly device: string; readonly outcome: string }[];
}

const ALICE = 'alice@example.com';
const BOB = 'bob@example.com';

async function json<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as T;
}

function describe({ enrolled }: Device): string {
  const { verdict, identity } = enrolled;
  const anchor = verdict.trustAnchor ? `chains to ${verdict.trustAnchor}` : 'no chain';
  const days = Math.round((identity.notAfter - Date.now()) / 86_400_000);
  return `${verdict.format}: ${anchor}, ${verdict.attestedKeyHardware}, ${verdict.identityBinding}; certificate for ${days} days`;
}

async function enrolled(timeline: Timeline, device: Device): Promise<Device> {
  timeline.add('enrolled', device.name, describe(device));
  await device.client.publishKeys();
  timeline.add('keys published', device.name, 'signed prekey, ML-KEM-768 last resort, 100 one-time keys');
  return device;
}

/** The main job from an empty deployment to a call that was had: every step through the public SDK and API. */
export async function tell(server: Server, timeline: Timeline, tpm: Tpm | null): Promise<Told> {
  timeline.heading('enrollment');
  const deployment = await json<Deployment>(`${server.url}/v1/deployment`);
  timeline.add('deployment', 'server', `${deployment.deployment}, its root pinned by every client`);
  const alice = await enrolled(timeline, await enrollDevice('alice laptop', configFor(server.url, deployment), tpm));
  const sent: SentEnrollment = { body: null };
  const phone = await enrolled(
    timeline,
    await enrollDevice('bob phone', configFor(server.url, deployment, sent), null),
  );
  timeline.shows('G1', await oneChallengeOneCertificate(server, phone, sent));
  const tablet = await enrolled(
    timeline,
    await enrollDevice('bob tablet', configFor(server.url, deployment), null, await phone.client.sponsor()),
  );
  timeline.shows('G2', joinedBySignature(phone, tablet));

  timeline.heading('handles');
  await phone.client.refreshOwnChain();
  await claim(server, alice, ALICE);
  timeline.add('handle proved', alice.name, `${ALICE}: code from the development inbox, committed in the manifest`);
  await claim(server, phone, BOB);
  await tablet.client.refreshOwnChain();
  timeline.add('handle proved', phone.name, `${BOB}: code from the development inbox, committed in the manifest`);

  timeline.heading('call');
  for (const device of [alice, phone, tablet]) await device.goOnline();
  timeline.add('online', 'all', 'couriers open, mailboxes drained');
  const request = `lookup-${performance.now()}`;
  const bob = await alice.client.find(BOB, { claim: true, request });
  if (!bob) throw new Error(`${BOB} was not found`);
  const used = bob.devices.filter((device) => device.recipient.oneTimeKey).length;
  timeline.add(
    'looked up',
    alice.name,
    `manifest v${bob.head.version} verified, ${bob.devices.length} devices, ${used} one-time keys, capabilities`,
  );
  timeline.shows('G9', await sameKeysAgain(alice, request, bob));
  return call(server, timeline, { alice, phone, tablet }, alice.client.call(bob, ['audio']));
}

async function claim(server: Server, device: Device, handle: string): Promise<void> {
  await device.client.addHandle(handle, async () => {
    const canonical = `mail1:${handle}`;
    const { code } = await json<{ code: string }>(
      `${server.url}/v1/development/inbox?handle=${encodeURIComponent(canonical)}`,
    );
    return code;
  });
}

interface Cast {
  readonly alice: Device;
  readonly phone: Device;
  readonly tablet: Device;
}

async function call(server: Server, timeline: Timeline, cast: Cast, outgoing: Call): Promise<Told> {
  const { alice, phone, tablet } = cast;
  const [onPhone, onTablet] = await Promise.all([phone.nextRing(), tablet.nextRing()]);
  timeline.add('rings', 'bob, both', 'invitations opened, caller verified, before anything alerted');
  await within(
    PATIENCE_MS,
    outgoing.phase === 'remote-ringing' ? Promise.resolve() : outgoing.reaches('remote-ringing'),
    'no ring back',
  );
  timeline.add('ring back', alice.name, 'a device of bob alerts');

  const talking = new Set<string>();
  for (const [name, ringing] of [
    [phone.name, onPhone],
    [tablet.name, onTablet],
  ] as const)
    ringing.on('media', () => talking.add(name));
  const lost = onTablet.next('ended');
  phone.client.accept(onPhone);
  const [callerMedia, calleeMedia] = await within(
    PATIENCE_MS,
    Promise.all([outgoing.next('media'), onPhone.next('media')]),
    'the keys were not confirmed',
  );
  timeline.add('answered', phone.name, `granted; keys confirmed over the relay; both read ${callerMedia.keys.sas}`);
  const elsewhere = await within(PATIENCE_MS, lost, 'the tablet went on ringing');
  timeline.add('elsewhere', tablet.name, `stopped: ${elsewhere.elsewhere} on another device`);
  timeline.shows('G5', `media may flow on ${[...talking].join(', ')} alone, after accept, grant and key confirmation`);
  const sessionSecretEqual =
    callerMedia.keys.sas === calleeMedia.keys.sas &&
    equalKeys(callerMedia.keys.srtp.audio.send.key, calleeMedia.keys.srtp.audio.receive.key);
  timeline.shows('G3', nothingInClear(server, callerMedia.keys));

  const [fromAlice, fromPhone] = await Promise.all([
    exchange(outgoing, callerMedia.keys),
    exchange(onPhone, calleeMedia.keys),
  ]);
  const parts = [fromAlice.audio, fromAlice.video, fromPhone.audio, fromPhone.video];
  const total = (of: keyof MediaCount) => parts.reduce((sum, part) => sum + part[of], 0);
  const srtp = { sent: total('sent'), received: total('received'), authFailures: total('authFailures') };
  timeline.add(
    'media',
    'both ways',
    `RTP under AES-256-CTR and HMAC-SHA1: ${srtp.sent} sent, ${srtp.received} received, ${srtp.authFailures} failures`,
  );
  for (const [device, of] of [
    [alice, fromAlice],
    [phone, fromPhone],
  ] as const)
    timeline.add('streams', device.name, rates(of));

  const over = Promise.all([outgoing.next('ended'), onPhone.next('ended')]);
  alice.client.hangup(outgoing);
  await within(PATIENCE_MS, over, 'the call did not end on both sides');
  timeline.add('hung up', alice.name, 'ended on both sides, secrets erased');
  const history = await histories(cast);
  timeline.add(
    'history',
    'all',
    `one entry each: ${history.map(({ device, outcome }) => `${device} ${outcome}`).join(', ')}`,
  );
  timeline.shows('G6', 'every leg ended; one history entry per call and user, the same on all devices');
  const devices = [alice, phone, tablet];
  for (const device of devices) device.client.close();
  return {
    sessionSecretEqual,
    srtp,
    streams: { alice: fromAlice, phone: fromPhone },
    legs: { won: talking.size, elsewhere: elsewhere.elsewhere === 'answered' ? 1 : 0 },
    attestation: devices.map(attestation),
    history,
  };
}

/** The four streams of one side. */
function rates({ audio, video }: Exchanged): string {
  return `speech ${audio.sentKbps} kbit/s out, ${audio.receivedKbps} in; picture ${video.sentKbps} kbit/s out, ${video.receivedKbps} in`;
}

/** The very request that got a certificate, once more: a retry gets that certificate, and nothing gets a second one. */
async function oneChallengeOneCertificate(server: Server, device: Device, sent: SentEnrollment): Promise<string> {
  const again = async (body: string) => {
    const response = await fetch(`${server.url}/v1/enrollments`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body,
    });
    return { status: response.status, answer: (await response.json()) as { certificate?: string[]; reason?: string } };
  };
  const body = sent.body ?? '';
  const retried = await again(body);
  const own = device.enrolled.identity.chain[0];
  if (retried.answer.certificate?.[0] !== base64url(own ?? new Uint8Array()))
    throw new Error('a retry got another certificate');
  const request = JSON.parse(body) as { evidence: object };
  const other = await again(JSON.stringify({ ...request, evidence: { ...request.evidence, again: true } }));
  if (other.answer.reason !== 'challenge-used') throw new Error('the same challenge was good for another request');
  // The retry was registered anew, with a push token of its own.
  const pushToken = fromBase64url((retried.answer as { pushToken?: string }).pushToken ?? '');
  if (pushToken) device.enrolled.identity.pushToken.set(pushToken);
  return `the challenge again: the same request got the same certificate, another request was refused (${other.answer.reason})`;
}

function joinedBySignature(phone: Device, tablet: Device): string {
  const { head } = tablet.enrolled;
  const ids = new Set(head.manifest.devices.map(({ id }) => id));
  if (head.version !== 2 || ![phone, tablet].every((one) => ids.has(one.enrolled.identity.device)))
    throw new Error('the tablet is not in the manifest');
  return `manifest v${head.version} names both devices; its signatures by phone and tablet were verified by the tablet`;
}

/** Asked again under the same request id, the directory gives the same one-time keys, and takes no others (G9). */
async function sameKeysAgain(alice: Device, request: string, bob: Peer): Promise<string> {
  const again = await alice.client.find(BOB, { claim: true, request });
  const ids = (peer: Peer | null) => peer?.devices.map(({ recipient }) => recipient.oneTimeKey?.keyId).join();
  if (ids(again) !== ids(bob)) throw new Error('a repeated claim got other keys');
  return `the lookup repeated: the same one-time keys (${ids(bob)}) and no others`;
}

/** Whatever the server printed while all of this happened holds no key of the call. */
function nothingInClear({ log }: Server, keys: SessionKeys): string {
  const secrets = [keys.srtp.audio.send, keys.srtp.audio.receive].flatMap(({ key, salt }) => [
    base64url(key),
    base64url(salt),
    Buffer.from(key).toString('hex'),
  ]);
  if (secrets.some((secret) => log.join('\n').includes(secret))) throw new Error('the server’s log holds a key');
  return `keys equal at both ends; the server relayed sealed bytes, and none of the ${log.length} lines it printed holds one`;
}

function equalKeys(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Each device hears of its account's entry over its own courier. */
async function histories({ alice, phone, tablet }: Cast): Promise<Told['history']> {
  const devices = [alice, phone, tablet];
  for (
    const deadline = Date.now() + PATIENCE_MS;
    Date.now() < deadline && devices.some((one) => one.history.length === 0);
  ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return devices.map((one) => {
    if (one.history.length !== 1) throw new Error(`${one.name} has ${one.history.length} history entries`);
    return { device: one.name, outcome: one.history[0]?.outcome ?? '' };
  });
}

function attestation({ name, enrolled: { verdict } }: Device): Told['attestation'][number] {
  return {
    device: name,
    format: verdict.format,
    hardware: verdict.attestedKeyHardware,
    binding: verdict.identityBinding,
    anchor: verdict.trustAnchor ?? null,
  };
}
