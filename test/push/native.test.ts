/** A phone whose application sleeps: real pushes of a real server, the real client, behind a shell that enforces the platforms' rules. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { base64url, fromBase64url } from '../../src/bytes/base64url.ts';
import type { PushSubscription } from '../../src/protocol/push.ts';
import { type Call, CallsignClient } from '../../src/sdk/index.ts';
import { NativeCalls } from '../../src/sdk/native/index.ts';
import { PhoneDouble } from '../sdk/native/double.ts';
import { liar, type Lies } from '../sdk/suite/lies.ts';
import { openWorld, until, type World } from './world.ts';

const hardware = {
  kind: 'app-attest',
  service: { attest: () => Promise.reject(new Error('unused')), assert: () => Promise.reject(new Error('unused')) },
} as const;

describe.each(['ios', 'android'] as const)('an application on %s that sleeps', (platform) => {
  let world: World;
  let open: CallsignClient[] = [];
  beforeAll(async () => {
    world = await openWorld('deno', 'stun:127.0.0.1:3478');
  });
  afterAll(() => world?.stop());
  afterEach(() => {
    for (const client of open) client.close();
    open = [];
    world.services.pushed.length = 0;
  });

  const subscription = (): PushSubscription =>
    platform === 'ios'
      ? {
          kind: 'apns',
          token: 'ab'.repeat(32),
          topic: world.services.apns.topic,
          push: 'voip',
          environment: 'production',
        }
      : { kind: 'fcm', token: 'f:cm_token-0123456789' };

  /** The process that a push has started: nothing is connected. */
  async function started(lies: Lies = {}) {
    const shell = new PhoneDouble(platform, hardware);
    const alerted: Call[] = [];
    const suspicions: string[] = [];
    const failed = vi.fn();
    const config = { ...world.config, ...liar(lies).config(world.config) };
    const client: CallsignClient = new CallsignClient(config, world.bob.identity, {
      incoming(call) {
        alerted.push(call);
        native.incoming(call);
      },
      suspicious: (_, reason) => suspicions.push(reason),
    });
    open.push(client);
    const alice = world.alice.enrolled.identity.account;
    const nameOf = (account: string) => (account === alice ? 'Alice' : null);
    const native = new NativeCalls(shell, client, { nameOf, failed });
    shell.token(subscription());
    await until(async () => (await client.push.settings()).subscription?.kind === subscription().kind);
    return { shell, alerted, suspicions, failed, only: () => [...shell.shown.keys()][0]! };
  }

  /** A call and the push that it caused. A device may ring five times at once and then every six seconds: it is tried again. */
  const rung = () =>
    until(async () => {
      const call = await world.call();
      const tag = await until(() => world.services.pushed[0]?.tag ?? (call.phase === 'ended' && 'none'));
      return tag !== 'none' && { call, tag };
    });

  it('shows a call while the push is handled, then its name and media once it verified; a tap accepts it, and it is taken away at its end', async () => {
    const { shell, alerted, only } = await started();
    const { call, tag } = await rung();
    shell.push(tag);
    expect([...shell.shown.values()]).toEqual([{ name: null, media: ['audio'] }]);
    const id = only();
    await until(() => alerted.length === 1 && shell.shown.get(id)?.name === 'Alice');
    expect([alerted[0]!.id, alerted[0]!.phase, [...shell.shown.keys()]]).toEqual([call.id, 'alerting', [id]]);
    expect(await shell.accept(id)).toBe(true);
    await until(() => call.phase === 'active');
    await world.hangUp(call);
    await until(() => shell.ends.length === 1);
    expect([shell.ends, shell.foregroundService]).toEqual([[[id, 'remote-ended']], false]);
    expect(world.services.pushed).toHaveLength(1);
  });

  it('takes a tap before anything verified as consent for the call of that push, and for no other', async () => {
    const { shell, alerted, only } = await started();
    const { call: first, tag } = await rung();
    shell.push(tag);
    shell.push(tag);
    const action = shell.accept(only());
    expect(alerted).toEqual([]);
    expect(await action).toBe(true);
    await until(() => first.phase === 'active');
    await world.hangUp(first);
    await until(() => shell.ends.length === 1);
    shell.foreground = true;
    const second = await world.call();
    await until(() => alerted.length === 2 && shell.shown.size === 1);
    expect([alerted[1]!.id, alerted[1]!.phase]).toEqual([second.id, 'alerting']);
    shell.refuse(only());
    await until(() => second.phase === 'ended');
    expect(second.state).toMatchObject({ reason: 'declined' });
    expect(world.services.violations).toEqual([]);
  });

  it('shows a call that was given up before the push came, and takes it away; there is no second push', async () => {
    const { shell, alerted, only } = await started();
    const { call, tag } = await rung();
    await world.hangUp(call);
    shell.push(tag);
    const id = only();
    await until(() => shell.ends.length === 1);
    expect([shell.ends, alerted, world.services.pushed.length]).toEqual([[[id, 'unanswered']], [], 1]);
  });

  it('takes a call away as failed whose invitation does not verify; the tap that came before it accepts nothing', async () => {
    const touched = (text: string) => {
      const bytes = fromBase64url(text)!;
      bytes[bytes.length - 1]! ^= 1;
      return base64url(bytes);
    };
    const { shell, alerted, suspicions, failed, only } = await started({
      frame: (frame) => [frame.type === 'invite' ? { ...frame, body: touched(frame.body) } : frame],
    });
    const { call, tag } = await rung();
    shell.push(tag);
    const id = only();
    expect(await shell.accept(id)).toBe(false);
    expect([shell.ends, alerted]).toEqual([[[id, 'failed']], []]);
    expect(failed).toHaveBeenCalledWith(expect.objectContaining({ code: 'verification', reason: 'unauthentic' }));
    expect(suspicions).toContain('unauthentic');
    await until(() => call.phase === 'ended');
    expect(call.keys).toBeNull();
  });

  it('declined in the platform before it verified, the call is declined at its caller', async () => {
    const { shell, only } = await started();
    const { call, tag } = await rung();
    shell.push(tag);
    shell.refuse(only());
    await until(() => call.phase === 'ended');
    expect(call.state).toMatchObject({ reason: 'declined' });
    expect(shell.ends).toEqual([]);
  });
});
