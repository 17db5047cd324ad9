import { describe, expect, it } from 'vitest';
import { fromUtf8, utf8 } from '../../bytes/utf8.ts';
import type { FrameKey } from '../calls/group-call.ts';
import { sframeReceiver, sframeSender } from '../media/sframe.ts';
import { nobleCrypto } from '../crypto/noble.ts';
import { type FrameLimits, type FrameOrder, type FrameReport, type FrameRole, serveFrames } from './frames.ts';

type Heard = (event: never) => void;

/** A worker without a browser: orders in, frames through. */
class Worker {
  readonly #listeners = new Map<string, Heard>();
  readonly reports: FrameReport[] = [];

  constructor(limits?: FrameLimits) {
    const scope = {
      addEventListener: (name: string, listener: Heard) => void this.#listeners.set(name, listener),
      postMessage: (report: unknown) => void this.reports.push(report as FrameReport),
    };
    if (limits) serveFrames(scope, limits);
    else serveFrames(scope);
  }

  order(data: FrameOrder): this {
    (this.#listeners.get('message') as unknown as (event: { data: unknown }) => void)({ data });
    return this;
  }

  /** One transform; what comes out of it, in the order in which it was put in. */
  transform(options: FrameRole): (data: Uint8Array) => Promise<Uint8Array | null> {
    const into = new TransformStream<{ data: ArrayBuffer }, { data: ArrayBuffer }>();
    const out: Uint8Array[] = [];
    const writable = new WritableStream<{ data: ArrayBuffer }>({
      write: ({ data }) => void out.push(new Uint8Array(data)),
    });
    const transformer = { options, readable: into.readable, writable };
    (this.#listeners.get('rtctransform') as unknown as (event: unknown) => void)({ transformer });
    const writer = into.writable.getWriter();
    return async (data) => {
      const before = out.length;
      await writer.write({ data: Uint8Array.from(data).buffer });
      for (let turns = 0; turns < 1_000 && out.length === before; turns++)
        await new Promise((done) => setTimeout(done, 1));
      return out[before] ?? null;
    };
  }
}

const key = (kid: number, fill: number): FrameKey => ({ kid, key: new Uint8Array(32).fill(fill) });
const group = (send: FrameKey | null, ...receive: [string, ...FrameKey[]][]): FrameOrder => ({
  type: 'group',
  send,
  receive: receive.map(([participant, ...keys]) => ({ participant, keys })),
});
const text = (data: Uint8Array | null) => data && fromUtf8(Uint8Array.from(data));

describe('frames of a group', () => {
  it('open under the keys of their participant and of nobody else', async () => {
    const ann = new Worker().order(group(key(1, 1)));
    const ben = new Worker().order(group(key(1, 2), ['ann', key(1, 1)], ['cas', key(1, 3)]));
    const send = ann.transform({ way: 'send', stream: 0 });
    const frame = (await send(utf8('hello')))!;
    const from = (participant: string) => ben.transform({ way: 'receive', stream: 0, participant });
    expect(text(await from('ann')(frame))).toBe('hello');
    expect(await from('cas')((await send(utf8('again')))!)).toBeNull();
    expect(await from('nobody')((await send(utf8('again')))!)).toBeNull();
  });

  it('go on under a key that is told again: counters and windows do not begin anew', async () => {
    const ann = new Worker().order(group(key(1, 1)));
    const ben = new Worker().order(group(null, ['ann', key(1, 1)]));
    const [send, receive] = [
      ann.transform({ way: 'send', stream: 0 }),
      ben.transform({ way: 'receive', stream: 0, participant: 'ann' }),
    ];
    const first = (await send(utf8('one')))!;
    expect(text(await receive(first))).toBe('one');
    ann.order(group(key(1, 1)));
    ben.order(group(null, ['ann', key(1, 1), key(2, 5)]));
    const second = (await send(utf8('one')))!;
    expect(second).not.toEqual(first);
    expect(text(await receive(second))).toBe('one');
    expect(await receive(first)).toBeNull();
  });

  it('of the epoch before and of the next open side by side, until the older key is gone', async () => {
    const ann = new Worker().order(group(key(1, 1)));
    const ben = new Worker().order(group(null, ['ann', key(1, 1)]));
    const [send, receive] = [
      ann.transform({ way: 'send', stream: 1 }),
      ben.transform({ way: 'receive', stream: 1, participant: 'ann' }),
    ];
    const [old, late] = [(await send(utf8('old')))!, (await send(utf8('late')))!];
    ben.order(group(null, ['ann', key(1, 1), key(2, 2)]));
    ann.order(group(key(2, 2)));
    expect(text(await receive((await send(utf8('new')))!))).toBe('new');
    expect(text(await receive(old))).toBe('old');
    ben.order(group(null, ['ann', key(2, 2)]));
    expect(await receive(late)).toBeNull();
  });

  it('never have a counter again under a key that was silent for a while', async () => {
    const ann = new Worker().order(group(key(1, 1)));
    const send = ann.transform({ way: 'send', stream: 0 });
    const before = await send(utf8('same'));
    ann.order(group(null));
    expect(await send(utf8('same'))).toBeNull();
    ann.order(group(key(1, 1)));
    const after = await send(utf8('same'));
    expect(after).not.toBeNull();
    expect(after).not.toEqual(before);
  });

  it('are counted: fresh keys are asked for before a key is used up, and nothing is sent beyond', async () => {
    const ann = new Worker({ frames: 9, askFrom: 4, askEvery: 3 }).order(group(key(1, 1)));
    const [sound, picture] = [ann.transform({ way: 'send', stream: 0 }), ann.transform({ way: 'send', stream: 1 })];
    const asked = () => ann.reports.filter(({ type }) => type === 'rekey').length;
    for (let frame = 0; frame < 4; frame++) expect(await sound(utf8('sound'))).not.toBeNull();
    expect(asked()).toBe(0);
    expect(await picture(utf8('picture'))).not.toBeNull();
    expect(ann.reports).toContainEqual({ type: 'rekey', kid: 1 });
    for (let frame = 0; frame < 4; frame++) expect(await picture(utf8('picture'))).not.toBeNull();
    expect(await sound(utf8('sound'))).toBeNull();
    expect(await picture(utf8('picture'))).toBeNull();
    expect(asked()).toBe(3);
    ann.order(group(key(2, 2)));
    expect(await sound(utf8('sound'))).not.toBeNull();
    expect(asked()).toBe(3);
  });

  it('number 2^20 and later of one key are not opened, whatever their sender does', async () => {
    const ben = new Worker().order(group(null, ['ann', key(1, 1)]));
    const receive = ben.transform({ way: 'receive', stream: 0, participant: 'ann' });
    const sealed = async (firstCounter: number) =>
      (await sframeSender(nobleCrypto(), 5, 1, key(1, 1).key, { firstCounter })).seal(utf8('late'), Uint8Array.of(0));
    expect(text(await receive(await sealed(2 ** 20 - 1)))).toBe('late');
    expect(await receive(await sealed(2 ** 20))).toBeNull();
    const receiver = sframeReceiver(nobleCrypto(), 5, 2 ** 20);
    await receiver.add(1, key(1, 1).key);
    expect(await receiver.open(await sealed(2 ** 20), Uint8Array.of(0))).toEqual({ ok: false, reason: 'exhausted' });
  });

  it('do not pass while nothing may be sent, nor after the end', async () => {
    const ann = new Worker().order(group(null));
    const send = ann.transform({ way: 'send', stream: 0 });
    expect(await send(utf8('quiet'))).toBeNull();
    ann.order(group(key(1, 1)));
    expect(await send(utf8('loud'))).not.toBeNull();
    ann.order({ type: 'erase' });
    expect(await send(utf8('over'))).toBeNull();
  });
});
