/** The suite of the SDK: the same claims in every runtime that it is for. */
import { base64url } from '../../../src/bytes/base64url.ts';
import { fromUtf8, utf8 } from '../../../src/bytes/utf8.ts';
import { KeyStatus } from '../../../src/protocol/api.ts';
import {
  type Call,
  CallsignClient,
  CallsignError,
  type CallPhase,
  type CallState,
  restoreIdentity,
} from '../../../src/sdk/index.ts';
import { ownHead } from '../../../src/sdk/identity.ts';
import { publishBundle, publishOneTimeKeys } from '../../../src/sdk/prekeys.ts';
import { startMedia } from '../../../src/sdk/webrtc/index.ts';
import { Cast, claim, found, type Ground, same, talking, until, within } from './cast.ts';
import {
  allHear,
  bring,
  groupOf,
  idOf,
  keptKeys,
  meeting,
  names,
  openedWith,
  record,
  sealed,
  three,
  together,
} from './groups.ts';
import { liar } from './lies.ts';
import { secretsIn, snapshot } from './secrets.ts';
import { openedBy } from './thief.ts';

export interface Case {
  readonly name: string;
  readonly run: (ground: Ground) => Promise<void>;
}

const story = (name: string, tell: (cast: Cast) => Promise<void>): Case => ({
  name,
  async run(ground) {
    const cast = new Cast(ground);
    try {
      await tell(cast);
    } finally {
      cast.close();
    }
  },
});

function phases(call: Call): CallPhase[] {
  const seen: CallPhase[] = [call.phase];
  call.on('phase', (phase) => seen.push(phase));
  return seen;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    claim(error instanceof CallsignError, `typed: ${String(error)}`);
    return `${error.code}/${error.reason}`;
  }
  return 'none';
}

export const cases: readonly Case[] = [
  story('an enrolled device is there again from its store', async (cast) => {
    const device = await cast.device();
    const again = await restoreIdentity(device.config);
    same(again?.device, device.client.identity.device, 'device');
    const client = new CallsignClient(device.config, again!);
    same(await client.history(), [], 'history of a new account');
    client.close();
  }),

  story('a call goes through its states to the same keys on both sides, and ends on both', async (cast) => {
    const { device: alice } = await cast.person();
    const { device: bob, handle } = await cast.person();
    const outgoing = alice.client.call(await found(alice, handle), ['audio', 'video']);
    const [atAlice, media] = [phases(outgoing), outgoing.next('media')];
    const incoming = await bob.ring();
    const atBob = phases(incoming);
    same(incoming.media, ['audio', 'video'], 'media');
    claim(incoming.state.phase === 'alerting' && incoming.keys === null, 'no keys before consent');
    await within(
      until(() => outgoing.phase === 'remote-ringing', 'ring back'),
      'ring back',
    );
    incoming.accept(['audio']);
    const [caller, callee] = await within(Promise.all([media, incoming.next('media')]), 'media');
    same(caller.keys.sas, callee.keys.sas, 'numbers to compare');
    same(caller.peer.device, bob.client.identity.device, 'the peer at the caller');
    same(callee.peer.device, alice.client.identity.device, 'the peer at the callee');
    const { state } = outgoing;
    claim(state.phase === 'active' && state.keys === caller.keys, 'the state holds the keys');
    incoming.hangup();
    same((await within(outgoing.next('ended'), 'end')).reason, 'completed', 'reason');
    same(atAlice, ['inviting', 'remote-ringing', 'connecting', 'active', 'ended'], 'phases of the caller');
    same(atBob, ['alerting', 'answering', 'connecting', 'active', 'ended'], 'phases of the callee');
    claim(outgoing.keys === null, 'no keys after the end');
    claim(
      caller.keys.signal.send.every((byte) => byte === 0),
      'the keys that were given are overwritten',
    );
    same([...alice.suspicions, ...bob.suspicions], [], 'suspicions');
  }),

  story('of two devices one answers, and the other hears that it was answered elsewhere', async (cast) => {
    const { device: alice } = await cast.person();
    const { device: phone, handle } = await cast.person();
    const tablet = await cast.another(phone);
    const outgoing = alice.client.call(await found(alice, handle));
    const [onPhone, onTablet] = [await phone.ring(), await tablet.ring()];
    onTablet.accept();
    same((await within(onPhone.next('ended'), 'elsewhere')).elsewhere, 'answered', 'elsewhere');
    await within(outgoing.reaches('active'), 'active');
    const { state } = outgoing;
    claim(state.phase === 'active' && state.peer.device === tablet.client.identity.device, 'the tablet has the call');
  }),

  story('a declined call ends as declined, a cancelled one stops ringing', async (cast) => {
    const { device: alice } = await cast.person();
    const { device: bob, handle } = await cast.person();
    const first = alice.client.call(await found(alice, handle));
    (await bob.ring()).decline();
    same((await within(first.next('ended'), 'declined')).reason, 'declined', 'reason at the caller');
    const second = alice.client.call(await found(alice, handle));
    const ringing = await bob.ring();
    second.hangup();
    same((await within(ringing.next('ended'), 'cancelled')).reason, 'cancelled', 'reason at the callee');
  }),

  story(
    'two become three, one leaves, one is removed: who is in opens the frames of the others, and nobody else',
    async (cast) => {
      const { alice, bob, carol } = await three(cast);
      const joined = record(alice, 'left');
      await allHear(alice, bob, carol);
      same(
        names(groupOf(carol).participants),
        [alice, bob, carol].map(({ device }) => device.account).toSorted(),
        'roster',
      );
      const codes = await Promise.all([alice, bob, carol].map((guest) => groupOf(guest).code()));
      claim(/^[0-9 ]+$/.test(codes[0]!) && new Set(codes).size === 1, 'one code to compare');

      const before = { frame: await sealed(alice, 'before Dave'), from: idOf(alice) };
      const dave = await bring(cast, carol);
      await together(alice, bob, carol, dave);
      await allHear(alice, bob, carol, dave);
      same(
        await openedWith(dave.device, groupOf(dave).frameKeys, before.from, before.frame),
        null,
        'the newcomer and the past',
      );

      const [bobKept, bobsName] = [keptKeys(bob), idOf(bob)];
      groupOf(bob).leave();
      same((await within(bob.call.next('ended'), 'the end for Bob')).reason, 'completed', 'reason');
      await together(alice, carol, dave);
      await allHear(alice, carol, dave);
      const after = await sealed(alice, 'after Bob');
      same(await openedWith(bob.device, bobKept, idOf(alice), after), null, 'who left and the future');

      const carolsKept = keptKeys(carol);
      await groupOf(alice).remove({ id: idOf(carol) });
      await within(carol.call.next('ended'), 'the end for Carol');
      await together(alice, dave);
      await allHear(alice, dave);
      same(
        await openedWith(carol.device, carolsKept, idOf(alice), await sealed(alice, 'after Carol')),
        null,
        'who was removed and the future',
      );
      same(
        joined.map(({ participant, how }) => [participant.id === bobsName ? 'Bob' : 'Carol', how]),
        [
          ['Bob', 'left'],
          ['Carol', 'removed'],
        ],
        'who went',
      );
      dave.call.hangup();
      await within(alice.call.next('ended'), 'the end of all');
      same(
        [alice, bob, carol, dave].flatMap(({ device }) => device.suspicions),
        [],
        'suspicions',
      );
    },
  ),

  story(
    'eight in a group hear each other, though they come two at a time and both of the first two found it',
    async (cast) => {
      const [alice, bob] = await meeting(cast);
      const guests = [alice, bob, ...(await Promise.all([bring(cast, alice), bring(cast, bob)]))];
      await together(...guests);
      const [, , carol, dave] = guests;
      guests.push(...(await Promise.all([bring(cast, carol!), bring(cast, dave!)])));
      guests.push(...(await Promise.all([bring(cast, alice), bring(cast, bob)])));
      await together(...guests);
      await allHear(...guests);
      const codes = await Promise.all(guests.map((guest) => groupOf(guest).code()));
      same(new Set(codes).size, 1, 'codes to compare');
      same(
        guests.flatMap(({ device }) => device.suspicions),
        [],
        'suspicions',
      );
    },
  ),

  story(
    'a person who declines, or does not answer to a group, is told to who added it, and the group goes on',
    async (cast) => {
      const { alice, bob, carol } = await three(cast);
      const { device: dave, handle } = await cast.person();
      const rang = record(alice, 'rang');
      await groupOf(alice).add(await found(alice.device, handle));
      (await dave.ring()).decline();
      await until(() => rang.some(({ outcome }) => outcome === 'declined'), 'declined');
      same(
        rang.map(({ account, outcome }) => [account === dave.account, outcome]),
        [
          [true, 'ringing'],
          [true, 'declined'],
        ],
        'rang',
      );
      await together(alice, bob, carol);
      same(await refusal(groupOf(carol).remove({ id: idOf(alice) })), 'call/not-allowed', 'who may not remove');
    },
  ),

  story(
    'after a group call nothing of its secrets is in the stores, and what was given is overwritten',
    async (cast) => {
      const { alice, bob, carol } = await three(cast);
      const guests = [alice, bob, carol];
      const kept = guests.map(keptKeys);
      const given = guests.map((guest) => groupOf(guest).frameKeys.send!.key);
      const rung = guests.map(({ call }) => call.next('ended'));
      alice.call.hangup();
      bob.call.hangup();
      await within(Promise.all(rung), 'the end');
      for (const { device } of guests) {
        const dump = await snapshot(device.store);
        for (const { send, receive } of kept)
          for (const { key } of [...(send ? [send] : []), ...receive.flatMap(({ keys }) => keys)])
            claim(!dump.includes(base64url(key)), 'no key of a frame is in the store');
      }
      for (const key of given)
        claim(
          key.every((byte) => byte === 0),
          'the keys that were given are overwritten',
        );
      claim(
        guests.every(({ call }) => call.group?.frameKeys.send === null),
        'no keys after the end',
      );
    },
  ),

  story('signals pass both ways, sealed, in order, and only once keys are confirmed', async (cast) => {
    const { device: alice } = await cast.person();
    const { device: bob, handle } = await cast.person();
    const outgoing = alice.client.call(await found(alice, handle));
    const heard: string[] = [];
    same(await refusal(outgoing.signal(utf8('early'))), 'call/not-confirmed', 'before keys');
    const incoming = await bob.ring();
    incoming.on('signal', ({ content, generation }) => heard.push(`${fromUtf8(content)} ${generation}`));
    incoming.accept();
    await within(outgoing.reaches('active'), 'active');
    for (const [word, generation] of [
      ['offer', 1],
      ['candidate', 1],
      ['older', 0],
      ['restart', 2],
    ] as const)
      await outgoing.signal(utf8(word), { generation });
    await until(() => heard.length === 3, 'signals');
    same(heard, ['offer 1', 'candidate 1', 'restart 2'], 'what the callee heard');
    const back = outgoing.next('signal');
    await incoming.signal(utf8('answer'));
    same(fromUtf8((await within(back, 'answer')).content), 'answer', 'what the caller heard');
    outgoing.hangup();
    await within(incoming.next('ended'), 'end');
    same(await refusal(incoming.signal(utf8('late'))), 'call/ended', 'after the end');
  }),

  story('another network: ICE is restarted, the planes open anew and the call goes on', async (cast) => {
    const { alice, outgoing, incoming } = await talking(cast);
    const restart = outgoing.next('ice-restart');
    alice.client.networkChanged();
    same((await within(restart, 'restart')).cause, 'network', 'cause');
    await until(() => outgoing.phase === 'reconnecting' || outgoing.phase === 'active', 'noticed');
    const heard = incoming.next('signal');
    await within(outgoing.signal(utf8('still here')), 'signal');
    same(fromUtf8((await within(heard, 'signal')).content), 'still here', 'signal');
    await until(() => outgoing.phase === 'active' && incoming.phase === 'active', 'active again');
  }),

  story('two who call each other at once end in one call, which each was told of', async (cast) => {
    const { device: alice, handle: aliceHandle } = await cast.person();
    const { device: bob, handle: bobHandle } = await cast.person();
    const [toBob, toAlice] = [await found(alice, bobHandle), await found(bob, aliceHandle)];
    const calls = [alice.client.call(toBob), bob.client.call(toAlice)] as const;
    const survivors = calls.map(async (call) => {
      const continued = call.next('continued').then(({ call: next }) => next);
      const active = call.reaches('active').then(() => call);
      return Promise.race([continued, active.catch(() => continued)]);
    });
    const [one, other] = await within(Promise.all(survivors), 'a survivor');
    await within(Promise.all([one!.reaches('active'), other!.reaches('active')]), 'active');
    same(one!.id, other!.id, 'one call');
    claim(one!.keys?.sas === other!.keys?.sas, 'the same keys');
  }),

  story('history is the same on all devices, deleted on one it is deleted on all', async (cast) => {
    const { alice, bob, outgoing, incoming } = await talking(cast);
    const tablet = await cast.another(alice);
    outgoing.hangup();
    await within(incoming.next('ended'), 'end');
    await until(() => alice.rows.length > 0 && tablet.rows.length > 0 && bob.rows.length > 0, 'rows');
    same(
      (await tablet.client.history()).map(({ call, outcome }) => [call, outcome]),
      [[outgoing.id, 'answered']],
      'row',
    );
    same(await alice.client.deleteHistory([outgoing.id]), [outgoing.id], 'deleted');
    await until(() => tablet.deleted.includes(outgoing.id), 'the tablet hears of it');
    same(await tablet.client.history(), [], 'rows left');
    same((await bob.client.history({ limit: 1 })).length, 1, 'the peer keeps its own');
  }),

  story('who is blocked rings nowhere and is not told, until it is unblocked', async (cast) => {
    const { device: alice } = await cast.person();
    const { device: bob, handle } = await cast.person();
    await bob.client.block(alice.account);
    same((await bob.client.policy()).blocked, [alice.account], 'block list');
    const call = alice.client.call(await found(alice, handle));
    await within(call.reaches('remote-ringing'), 'the caller hears a ring');
    same(bob.rings.length, 0, 'rings at the callee');
    call.hangup();
    await bob.client.unblock(alice.account);
    const again = alice.client.call(await found(alice, handle));
    same((await bob.ring()).id, again.id, 'rings again');
  }),

  story(
    'after a call nothing of its secrets is in the stores, and nothing that opens what was recorded',
    async (cast) => {
      const { alice, bob, outgoing, incoming } = await talking(cast);
      const before = { secrets: secretsIn(outgoing.keys!), id: outgoing.id };
      incoming.hangup();
      await within(outgoing.next('ended'), 'end');
      for (const device of [alice, bob]) {
        const dump = await snapshot(device.store);
        for (const [name, secret] of before.secrets) claim(!dump.includes(secret), `${name} is not in the store`);
      }
    },
  ),

  story('a call of two that became a group keeps nothing of its own keys, and is still signaled', async (cast) => {
    const [alice, bob] = await meeting(cast);
    const keys = [alice, bob].map(({ call }) => call.keys!);
    const secrets = keys.flatMap((one) => secretsIn(one)).filter(([name]) => !name.startsWith('signal'));
    const heard: (CallState['phase'] | null)[] = [];
    alice.call.on('state', (state) => heard.push('keys' in state && state.keys === null ? state.phase : null));
    await together(alice, bob, await bring(cast, alice));
    await until(() => alice.call.keys === null && bob.call.keys === null, 'no keys of two');
    same(heard.at(-1), 'active', 'the call goes on without them');
    for (const { srtp, sframe } of keys) {
      const media = Object.values(srtp).flatMap(({ send, receive }) => [
        send.key,
        send.salt,
        receive.key,
        receive.salt,
      ]);
      for (const part of [...media, sframe.send, sframe.receive])
        claim(
          part.every((byte) => byte === 0),
          'overwritten, also where the application holds it',
        );
    }
    for (const { device } of [alice, bob]) {
      const dump = await snapshot(device.store);
      for (const [name, secret] of secrets) claim(!dump.includes(secret), `${name} is not in the store`);
    }
    const said = bob.call.next('signal');
    await within(alice.call.signal(utf8('still here')), 'a signal');
    same(fromUtf8((await within(said, 'it comes')).content), 'still here', 'signals go on');
    alice.device.client.networkChanged();
    await until(() => alice.call.phase === 'active', 'active again');
    await allHear(alice, bob);
    bob.call.hangup();
  }),

  story('media that waits for its relays is given up with its call', async (cast) => {
    const { outgoing, incoming } = await talking(cast);
    let asked = 0;
    const iceServers = () => {
      asked += 1;
      return new Promise<never>(() => undefined);
    };
    const media = startMedia(outgoing, { iceServers, now: () => 0, after: () => () => undefined });
    await until(() => asked === 1, 'it asks for them');
    incoming.hangup();
    same(await within(media, 'given up'), null, 'no media');
  }),

  story('a device that is seized after a call opens no body that was recorded of it', async (cast) => {
    const record = liar();
    const alice = await cast.person({ config: await cast.config(record.config) });
    const bob = await cast.person({ config: await cast.config(record.config) });
    const outgoing = alice.device.client.call(await found(alice.device, bob.handle));
    (await bob.device.ring()).accept();
    await within(outgoing.reaches('active'), 'active');
    await outgoing.signal(utf8('what was said'));
    outgoing.hangup();
    await within(bob.device.rings[0]!.next('ended'), 'end');
    same(await openedBy(bob.device, alice.device, record), 'unknown-key', 'the invitation');
    const bodies = record.heard.flatMap(({ type, body }) => (typeof body === 'string' ? [[type, body] as const] : []));
    for (const kind of ['invite', 'accepted'])
      claim(
        bodies.some(([type]) => type === kind),
        `${kind} was recorded`,
      );
    for (const { device } of [alice, bob]) {
      const dump = await snapshot(device.store);
      for (const [type, body] of bodies) claim(!dump.includes(body), `the store keeps no body of ${type}`);
    }
  }),

  story('few one-time keys become more by themselves', async (cast) => {
    const bob = await cast.device({ keys: false });
    const { version } = await ownHead(bob.config, bob.account);
    await publishBundle(bob.client.api, version);
    await publishOneTimeKeys(bob.client.api, version, 26);
    const handle = `few-keys-${Date.now().toString(36)}@example.com`;
    await bob.client.addHandle(handle, () => cast.code(handle));
    await bob.online();
    const left = async () => (await bob.client.api.ask(KeyStatus, { method: 'GET', path: '/v1/keys/status' })).left;
    same(await left(), 26, 'enough, just');
    const caller = await cast.device({ keys: false });
    await found(caller, handle);
    await until(async () => (await left()) === 125, 'another batch');
    same((await bob.store.ids('one-time')).length, 126, 'private keys that are kept');
  }),

  story('what is being asked is given up at once', async (cast) => {
    const { device: alice } = await cast.person();
    const over = AbortSignal.abort();
    same(await refusal(alice.client.history({ signal: over })), 'aborted/aborted', 'history');
    same(await refusal(alice.client.find('bob@example.com', { signal: over })), 'aborted/aborted', 'find');
    same(await refusal(alice.client.policy(over)), 'aborted/aborted', 'policy');
    same(await refusal(alice.client.publishKeys(over)), 'aborted/aborted', 'publishKeys');
    same(await refusal(alice.client.renew({ signal: over })), 'aborted/aborted', 'renew');
    same(await refusal(alice.client.refreshOwnChain(over)), 'aborted/aborted', 'refreshOwnChain');
    same(await refusal(alice.client.revokeDevice('x', 'lost', over)), 'aborted/aborted', 'revokeDevice');
    alice.client.close();
    same(await refusal(alice.client.history()), 'aborted/closed', 'a closed client');
  }),

  story('what the server refuses comes as a typed error with its reason', async (cast) => {
    const { device: alice } = await cast.person();
    same(await refusal(alice.client.addHandle('nothing', async () => '')), 'refused/handle-malformed', 'handle');
    same(await alice.client.find('nobody-has-this@example.com'), null, 'not found is no error');
  }),
];
