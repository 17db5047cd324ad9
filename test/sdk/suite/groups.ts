/** Group calls of the suite: people who join a call, and what each of them can open. */
import { fromUtf8, utf8 } from '../../../src/bytes/utf8.ts';
import type { Call, FrameKey, FrameKeys, GroupCall, GroupEvents, Participant } from '../../../src/sdk/index.ts';
import { sframeReceiver, sframeSender } from '../../../src/sdk/media/sframe.ts';
import { type Cast, claim, type Device, found, talking, until, within } from './cast.ts';

export interface Guest {
  readonly device: Device;
  readonly call: Call;
}

export function groupOf({ call }: Guest): GroupCall {
  claim(call.group !== null, 'the call has a group');
  return call.group;
}

export const idOf = (guest: Guest): string =>
  groupOf(guest).participants.find(({ self }) => self)?.id ?? 'no participant';

/** All of them are in one epoch, hold each other's keys of it, and nobody else is in the roster. */
export async function together(...guests: readonly Guest[]): Promise<void> {
  const others = guests.length - 1;
  await until(() => {
    const ids = guests
      .map((guest) => idOf(guest))
      .toSorted()
      .join();
    const epochs = new Set(guests.map((guest) => groupOf(guest).epoch));
    const [epoch] = epochs;
    return (
      epochs.size === 1 &&
      guests.every((guest) => {
        const { participants, frameKeys } = groupOf(guest);
        const now = frameKeys.receive.filter(({ keys }) => keys.some(({ kid }) => kid === epoch));
        const same =
          participants
            .map(({ id }) => id)
            .toSorted()
            .join() === ids;
        return same && frameKeys.send?.kid === epoch && now.length === others;
      })
    );
  }, `${guests.length} in one epoch`);
}

/** One frame, sealed under what this member sends with. */
export async function sealed({ device, call }: Guest, text: string): Promise<Uint8Array> {
  const send = call.group?.frameKeys.send;
  claim(send !== null && send !== undefined, 'it may send');
  return (await sframeSender(device.config.crypto, 5, send.kid, send.key)).seal(utf8(text));
}

/** With these keys: what the frame of that participant says; null when it does not open. */
export async function openedWith(
  { config }: Device,
  { receive }: Pick<FrameKeys, 'receive'>,
  from: string,
  frame: Uint8Array,
): Promise<string | null> {
  const receiver = sframeReceiver(config.crypto, 5);
  for (const { kid, key } of receive.find(({ participant }) => participant === from)?.keys ?? [])
    await receiver.add(kid, key);
  const opened = await receiver.open(frame);
  return opened.ok ? fromUtf8(opened.frame) : null;
}

/** Each hears each other one. */
export async function allHear(...guests: readonly Guest[]): Promise<void> {
  for (const speaker of guests) {
    const frame = await sealed(speaker, idOf(speaker));
    for (const listener of guests) {
      if (listener === speaker) continue;
      const heard = await openedWith(listener.device, groupOf(listener).frameKeys, idOf(speaker), frame);
      claim(heard === idOf(speaker), `${listener.device.account} hears ${speaker.device.account}`);
    }
  }
}

/** A copy of what this member holds now: what a recorder of its memory would have kept. */
export function keptKeys(guest: Guest): FrameKeys {
  const { send, receive } = groupOf(guest).frameKeys;
  const copy = ({ kid, key }: FrameKey): FrameKey => ({ kid, key: key.slice() });
  return {
    send: send && copy(send),
    receive: receive.map(({ participant, keys }) => ({ participant, keys: keys.map(copy) })),
  };
}

export function record<K extends keyof GroupEvents>(guest: Guest, name: K): GroupEvents[K][] {
  const heard: GroupEvents[K][] = [];
  groupOf(guest).on(name, (event) => void heard.push(event));
  return heard;
}

/** Somebody new, added by `by`; in once it resolves. */
export async function bring(cast: Cast, by: Guest, person?: { device: Device; handle: string }): Promise<Guest> {
  const { device, handle } = person ?? (await cast.person());
  await within(groupOf(by).add(await found(by.device, handle)), 'the invitation');
  const call = await device.ring();
  claim(call.keys === null && (call.group?.participants.length ?? 0) === 0, 'nothing before consent');
  call.accept();
  await within(call.reaches('active'), 'the newcomer is in');
  return { device, call };
}

/** Alice calls Bob; no group yet. */
export async function meeting(cast: Cast): Promise<[alice: Guest, bob: Guest]> {
  const { alice, bob, outgoing, incoming } = await talking(cast);
  return [
    { device: alice, call: outgoing },
    { device: bob, call: incoming },
  ];
}

/** Alice founds a group by bringing Carol. */
export async function three(cast: Cast): Promise<{ alice: Guest; bob: Guest; carol: Guest }> {
  const [a, b] = await meeting(cast);
  const carol = await bring(cast, a);
  await together(a, b, carol);
  return { alice: a, bob: b, carol };
}

export const names = (participants: readonly Participant[]): string[] =>
  participants.map(({ account }) => account).toSorted();
