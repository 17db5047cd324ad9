import type { Call } from '../src/sdk/index.ts';
import type { Tpm } from '../src/sdk/tpm/tpm.ts';
import { exchange, type MediaCount } from './media.ts';
import { configFor, type Deployment, type Device, enrollDevice, within } from './people.ts';
import type { Server } from './server.ts';
import type { Timeline } from './timeline.ts';

export interface Told {
  readonly sessionSecretEqual: boolean;
  readonly srtp: MediaCount;
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
  const phone = await enrolled(timeline, await enrollDevice('bob phone', configFor(server.url, deployment), null));
  const tablet = await enrolled(
    timeline,
    await enrollDevice('bob tablet', configFor(server.url, deployment), null, await phone.client.sponsor()),
  );
  timeline.shows('G1', 'each certificate stands on fresh evidence over this key, device, account and challenge');
  timeline.shows('G2', 'the tablet joined by a manifest that the phone signed');

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
  const bob = await alice.client.find(BOB, { claim: true });
  if (!bob) throw new Error(`${BOB} was not found`);
  const used = bob.devices.filter((device) => device.recipient.oneTimeKey).length;
  timeline.add(
    'looked up',
    alice.name,
    `manifest v${bob.head.version} verified, ${bob.devices.length} devices, ${used} one-time keys, capabilities`,
  );
  timeline.shows('G9', `${used} one-time keys, each given once`);
  return call(timeline, { alice, phone, tablet }, alice.client.call(bob, ['audio']));
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

async function call(timeline: Timeline, cast: Cast, outgoing: Call): Promise<Told> {
  const { alice, phone, tablet } = cast;
  const [onPhone, onTablet] = await Promise.all([phone.nextRing(), tablet.nextRing()]);
  timeline.add('rings', 'bob, both', 'invitations opened, caller verified, before anything alerted');
  await within(
    5_000,
    outgoing.phase === 'remote-ringing' ? Promise.resolve() : outgoing.reaches('remote-ringing'),
    'no ring back',
  );
  timeline.add('ring back', alice.name, 'a device of bob alerts');

  const lost = onTablet.next('ended');
  phone.client.accept(onPhone);
  const [callerMedia, calleeMedia] = await within(
    15_000,
    Promise.all([outgoing.next('media'), onPhone.next('media')]),
    'the keys were not confirmed',
  );
  timeline.add('answered', phone.name, `granted; keys confirmed over the relay; both read ${callerMedia.keys.sas}`);
  const elsewhere = await within(5_000, lost, 'the tablet went on ringing');
  timeline.add('elsewhere', tablet.name, `stopped: ${elsewhere.elsewhere} on another device`);
  timeline.shows('G5', 'one leg won; media started only after accept, grant and key confirmation');
  const sessionSecretEqual =
    callerMedia.keys.sas === calleeMedia.keys.sas &&
    equalKeys(callerMedia.keys.srtp.audio.send.key, calleeMedia.keys.srtp.audio.receive.key);
  timeline.shows('G3', 'the server relayed sealed bytes; secrets were equal at both ends and nowhere else');

  const [fromAlice, fromPhone] = await Promise.all([
    exchange(outgoing, callerMedia.keys),
    exchange(onPhone, calleeMedia.keys),
  ]);
  const srtp = {
    sent: fromAlice.sent + fromPhone.sent,
    received: fromAlice.received + fromPhone.received,
    authFailures: fromAlice.authFailures + fromPhone.authFailures,
  };
  timeline.add(
    'media',
    'both ways',
    `RTP under AES-256-CTR and HMAC-SHA1: ${srtp.sent} sent, ${srtp.received} received, ${srtp.authFailures} failures`,
  );

  const over = Promise.all([outgoing.next('ended'), onPhone.next('ended')]);
  alice.client.hangup(outgoing);
  await within(5_000, over, 'the call did not end on both sides');
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
    legs: { won: 1, elsewhere: elsewhere.elsewhere === 'answered' ? 1 : 0 },
    attestation: devices.map(attestation),
    history,
  };
}

function equalKeys(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Each device hears of its account's entry over its own courier. */
async function histories({ alice, phone, tablet }: Cast): Promise<Told['history']> {
  const devices = [alice, phone, tablet];
  for (const deadline = Date.now() + 5_000; Date.now() < deadline && devices.some((one) => one.history.length === 0);) {
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
