import { describe, expect, it, vi } from 'vitest';
import { LiveCall } from '../../src/sdk/calls/call.ts';
import { type Call, CallsignError, webCrypto } from '../../src/sdk/index.ts';
import { NativeCalls, shellAttester, type WakeableClient } from '../../src/sdk/native/index.ts';
import { Broken, PhoneDouble } from './native/double.ts';

const appAttest = {
  kind: 'app-attest',
  service: {
    attest: async () => ({ keyId: 'a+/=', attestationObject: new Uint8Array([1]) }),
    assert: async () => new Uint8Array([2]),
  },
} as const;

const PEER = 'peer-account';

function callOf(id: string): { call: LiveCall; asked: string[] } {
  const asked: string[] = [];
  const port = {
    accept: () => void asked.push('accept'),
    decline: () => void asked.push('decline'),
    hangup: () => void asked.push('hangup'),
    signal: async () => undefined,
    relay: () => undefined,
  };
  return {
    call: new LiveCall({ id, role: 'callee', peer: { account: PEER, handle: null }, media: ['video'] }, port),
    asked,
  };
}

/** A phone, and a client whose wake-ups the test answers. */
function phone(platform: 'ios' | 'android') {
  const wakes: PromiseWithResolvers<Call | null>[] = [];
  const subscribe = vi.fn(async () => undefined);
  const networkChanged = vi.fn();
  const client: WakeableClient = {
    wake() {
      const wake = Promise.withResolvers<Call | null>();
      wakes.push(wake);
      return wake.promise;
    },
    push: {
      subscribe,
      callerOf: async (tag) => (tag === 'known' ? PEER : null),
      isFrom: async (tag, account) => account === (tag === 'other' ? 'other-account' : PEER),
    },
    networkChanged,
  };
  const shell = new PhoneDouble(platform, appAttest);
  const failed = vi.fn();
  const nameOf = (account: string) => (account === PEER ? 'Peer' : null);
  const native = new NativeCalls(shell, client, { nameOf, failed });
  const only = () => [...shell.shown.keys()][0]!;
  return { shell, native, wakes, subscribe, networkChanged, failed, only };
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

describe.each(['ios', 'android'] as const)('on %s', (platform) => {
  it('a push shows a nameless call at once, then the caller, then the call that verified', async () => {
    const { shell, wakes, only } = phone(platform);
    shell.push('known');
    expect([...shell.shown.values()]).toEqual([{ name: null, media: ['audio'] }]);
    await turn();
    expect(shell.shown.get(only())).toEqual({ name: 'Peer', media: ['audio'] });
    wakes[0]!.resolve(callOf('1').call);
    await turn();
    expect(shell.shown.get(only())).toEqual({ name: 'Peer', media: ['video'] });
  });

  it('a push about nothing that rings is shown and taken away', async () => {
    const { shell, wakes, only } = phone(platform);
    shell.push('stranger');
    const id = only();
    wakes[0]!.resolve(null);
    await turn();
    expect([shell.shown.size, shell.foregroundService, shell.ends]).toEqual([0, false, [[id, 'unanswered']]]);
  });

  it('a push without a server is taken away as failed, and told', async () => {
    const { shell, wakes, failed } = phone(platform);
    shell.push('stranger');
    wakes[0]!.reject(new CallsignError('network', 'unreachable'));
    await turn();
    expect([shell.shown.size, shell.ends[0]![1]]).toEqual([0, 'failed']);
    expect(failed).toHaveBeenCalledOnce();
  });

  it('the same push twice is one call, woken once', async () => {
    const { shell, wakes } = phone(platform);
    shell.push('known');
    shell.push('known');
    expect([shell.shown.size, wakes.length]).toEqual([1, 1]);
  });

  it('a tap before anything verified accepts that call when it has, and its action ends with the call', async () => {
    const { shell, wakes, only } = phone(platform);
    shell.push('known');
    const action = shell.accept(only());
    const { call, asked } = callOf('1');
    expect(asked).toEqual([]);
    wakes[0]!.resolve(call);
    await turn();
    expect(asked).toEqual(['accept']);
    call.tell('media', { peer: { account: PEER, device: 'd' }, keys: {} as never });
    expect(await action).toBe(true);
  });

  it('a tap on a push that was about nothing accepts nothing, and its action fails', async () => {
    const { shell, wakes, only } = phone(platform);
    shell.push('stranger');
    const action = shell.accept(only());
    wakes[0]!.resolve(null);
    expect(await action).toBe(false);
  });

  it('a tap counts for the call of its own push and no other', async () => {
    const { shell, wakes, only } = phone(platform);
    shell.push('one');
    void shell.accept(only());
    shell.push('two');
    const [first, second] = [callOf('1'), callOf('2')];
    wakes[1]!.resolve(second.call);
    wakes[0]!.resolve(first.call);
    await turn();
    expect([first.asked, second.asked]).toEqual([['accept'], []]);
  });

  it('a tap on a push that named one account is no consent to another: its call rings by itself, and waits for its own tap', async () => {
    const { shell, wakes, only } = phone(platform);
    shell.push('other');
    const id = only();
    const action = shell.accept(id);
    const { call, asked } = callOf('1');
    wakes[0]!.resolve(call);
    expect(await action).toBe(false);
    expect([asked, shell.ends, shell.shown.size]).toEqual([[], [[id, 'failed']], 1]);
    void shell.accept(only());
    await turn();
    expect(asked).toEqual(['accept']);
  });

  it('declined before it verified, the call is declined once it has', async () => {
    const { shell, wakes, only } = phone(platform);
    shell.push('known');
    shell.refuse(only());
    const { call, asked } = callOf('1');
    wakes[0]!.resolve(call);
    await turn();
    expect([asked, shell.ends]).toEqual([['decline'], []]);
  });

  it('a call that ends elsewhere is taken away with its reason; hung up in the platform it is not ended twice', async () => {
    const { shell, wakes, only } = phone(platform);
    shell.push('known');
    const { call } = callOf('1');
    wakes[0]!.resolve(call);
    await turn();
    const id = only();
    call.become({ phase: 'ended', reason: 'completed', elsewhere: 'answered' });
    call.tell('ended', { reason: 'completed', elsewhere: 'answered' });
    await turn();
    expect(shell.ends).toEqual([[id, 'answered-elsewhere']]);
  });

  it('a call over the open connection is shown once, also when a push comes for it', async () => {
    const { shell, native, wakes, only } = phone(platform);
    shell.foreground = true;
    const { call } = callOf('1');
    native.incoming(call);
    native.incoming(call);
    expect(shell.shown.size).toBe(1);
    const id = only();
    shell.push('known');
    wakes[0]!.resolve(call);
    await turn();
    expect([...shell.shown.keys()]).toEqual([id]);
  });

  it('a call that a push announced and that alerts over the connection is shown once, under the id of the push', async () => {
    const { shell, native, wakes, only } = phone(platform);
    const { call } = callOf('1');
    shell.push('known');
    const id = only();
    native.incoming(call);
    wakes[0]!.resolve(call);
    await turn();
    expect([...shell.shown.keys()]).toEqual([id]);
  });

  it('tokens and networks go to the client', () => {
    const { shell, subscribe, networkChanged } = phone(platform);
    const subscription = { kind: 'fcm', token: 'x'.repeat(20) } as const;
    shell.token(subscription);
    shell.network();
    expect(subscribe).toHaveBeenCalledWith(subscription);
    expect(networkChanged).toHaveBeenCalledOnce();
  });
});

describe('the double', () => {
  it('ends an application that shows no call for a push, and wakes it no more', () => {
    const shell = new PhoneDouble('ios', appAttest);
    shell.listen({
      push: () => undefined,
      answered: async () => false,
      ended: () => undefined,
      pushToken: () => undefined,
      networkChanged: () => undefined,
    });
    expect(() => shell.push('x')).toThrow(Broken);
    expect(() => shell.push('x')).toThrow(/ended the application/);
  });

  it('lets no service start in the background without a push', () => {
    const { native } = phone('android');
    expect(() => native.incoming(callOf('1').call)).toThrow(Broken);
  });
});

it('the shell is the attester of its platform', async () => {
  expect(shellAttester(webCrypto(), appAttest).format).toBe('app-attest');
  const android = { kind: 'android-keystore', generate: async () => Promise.reject(new Error('unused')) } as const;
  expect(shellAttester(webCrypto(), android).format).toBe('android-keystore');
});
