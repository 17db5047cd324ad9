/** G3: a server holds what it was sent; everything that two devices send from enrollment to the end of a call is read here. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { base64url } from '../../src/bytes/base64url.ts';
import { hex } from '../../src/bytes/hex.ts';
import { utf8 } from '../../src/bytes/utf8.ts';
import { type ClientConfig, memoryStore, webCrypto } from '../../src/sdk/index.ts';
import { Cast, found, until, within } from './suite/cast.ts';
import { secretsIn, snapshot } from './suite/secrets.ts';
import { deploy, type Deployment } from './suite/server.ts';

const CANDIDATE = 'candidate:1 1 udp 2130706431 192.0.2.77 49203 typ host';
const SDP = 'v=0 o=- 4611731400430051336 2 IN IP4 192.0.2.77';

let deployed: Deployment;

beforeAll(async () => {
  deployed = await deploy();
});
afterAll(() => deployed?.server.stop());

/** Every request and every frame of a device, as text; bytes as base64url. */
function overheard(heard: string[]): (config: ClientConfig) => Partial<ClientConfig> {
  const told = (data: unknown) => {
    if (typeof data === 'string') heard.push(data);
    else if (data instanceof Uint8Array) heard.push(base64url(data));
  };
  return (config) => ({
    fetch: (url, init) => {
      heard.push(url, JSON.stringify([...new Headers(init.headers)]));
      told(init.body);
      return config.fetch(url, init);
    },
    openSocket: (url, protocols) => {
      heard.push(url, ...protocols);
      const socket = config.openSocket(url, protocols);
      return new Proxy(socket, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name, target);
          if (name === 'send')
            return (data: string | Uint8Array<ArrayBuffer>) => {
              told(data);
              target.send(data);
            };
          return typeof value === 'function' ? value.bind(target) : value;
        },
        set: (target, name, value) => Reflect.set(target, name, value, target),
      });
    },
  });
}

/** A text that was decoded wherever it may be text in a JWS, in JSON or in base64url. */
function opened(heard: readonly string[]): string {
  const inner = heard.flatMap((text) => text.match(/[A-Za-z0-9_-]{20,}/g) ?? []);
  return [...heard, ...inner.map((text) => Buffer.from(text, 'base64url').toString('latin1'))].join('\n');
}

it('in nothing that two devices send is a key of their session, an SDP, a candidate or what their media are made of', async () => {
  const heard: string[] = [];
  const cast = new Cast({
    origin: deployed.server.url,
    deployment: deployed.deployment,
    root: deployed.root,
    crypto: () => webCrypto(),
    store: async () => memoryStore(),
  });
  try {
    const person = async () => cast.person({ config: await cast.config(overheard(heard)) });
    const { device: alice } = await person();
    const { device: bob, handle } = await person();
    const outgoing = alice.client.call(await found(alice, handle));
    const incoming = await bob.ring();
    incoming.accept();
    await within(Promise.all([outgoing.reaches('active'), incoming.reaches('active')]), 'both active');
    const signals: string[] = [];
    incoming.on('signal', ({ content }) => signals.push(Buffer.from(content).toString()));
    for (const text of [CANDIDATE, SDP]) await outgoing.signal(utf8(text));
    await until(() => signals.length === 2, 'both signals');
    expect(signals).toEqual([CANDIDATE, SDP]);
    const secrets = secretsIn(outgoing.keys!);
    expect(secrets.length).toBeGreaterThan(6);
    outgoing.hangup();
    await within(incoming.next('ended'), 'end');

    const text = opened(heard);
    expect(text).toContain(outgoing.id);
    expect(text).toContain('callsign-hello+jws');
    for (const [name, secret] of secrets) {
      const bytes = Buffer.from(secret, 'base64url');
      const forms = [secret, hex(bytes), bytes.toString('base64'), bytes.toString('latin1')];
      expect([name, forms.filter((form) => text.includes(form))]).toEqual([name, []]);
    }
    for (const content of [CANDIDATE, SDP, '192.0.2.77', '"kinds"']) expect(text).not.toContain(content);
    for (const { store } of [alice, bob]) expect(await snapshot(store)).not.toContain('"private extractable"');
  } finally {
    cast.close();
  }
});
