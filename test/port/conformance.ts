import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Json } from '../../src/actors/port.ts';
import type { LogRow, Probe, Said } from './probe.ts';
import { CALM, value, type World } from './world.ts';

/**
 * What the port promises on every host. `pace` is how long (ms) this host may take for what "soon" means: a delivery, a
 * due deadline, a restart.
 */
export function conformance(host: string, open: () => Promise<World>, pace: number): void {
  describe(`the port on ${host}`, () => {
    let world: World;
    let made = 0;

    beforeAll(async () => {
      world = await open();
    });
    afterAll(async () => {
      await world.stop();
    });

    /** A probe nobody has met: storage outlives tests. */
    const fresh = (hint: string) => `${hint}-${process.pid}-${++made}`;

    const tell = async (name: string, said: Said, key?: string): Promise<Json> =>
      value(await world.command(name, said, key));
    const read = async (name: string): Promise<Probe> => (await tell(name, { verb: 'read' })) as unknown as Probe;
    const logged = async (name: string, what: string): Promise<LogRow[]> =>
      (await read(name)).log.filter((row) => row.what === what);

    /** Waits until `holds`, at most three hundred paces: what was lost several times in a row is tried again later each time. */
    async function until(holds: () => Promise<boolean>): Promise<void> {
      for (let i = 0; i < 300; i++) {
        if (await holds()) return;
        await world.pass(pace);
      }
      expect(await holds()).toBe(true);
    }

    describe('turns', () => {
      it('answer after the commit, and a repeated key gets the first answer', async () => {
        const name = fresh('turn');
        expect(await tell(name, { verb: 'count', by: 2 }, 'a')).toEqual({ total: 2, applied: true });
        expect(await tell(name, { verb: 'count', by: 3 }, 'b')).toEqual({ total: 5, applied: true });
        expect(await tell(name, { verb: 'count', by: 2 }, 'a')).toEqual({ total: 2, applied: false });
      });

      it('that were acknowledged survive a crash', async () => {
        const name = fresh('turn');
        await tell(name, { verb: 'count', by: 7 }, 'a');
        await world.crash();
        expect((await read(name)).total).toBe(7);
      });

      it('that throw leave no row, no deadline, no mail and no frame, and are answered as unknown', async () => {
        const name = fresh('stumble');
        const client = await world.connect(name, ['x'], { verb: 'hello' });
        await until(async () => client.frames.length === 1);
        expect(await world.command(name, { verb: 'stumble' })).toEqual({ ok: false, reason: 'unavailable' });
        await world.pass(3 * pace);
        const after = await read(name);
        expect(after.total).toBe(0);
        expect(after.log.map((row) => row.what)).toEqual(['opened']);
        expect(client.frames).toHaveLength(1);
        expect((await read('nobody')).log).toEqual([]);
        client.close();
      });

      it('of concurrent commands have one winner', async () => {
        const name = fresh('claim');
        const who = Array.from({ length: 16 }, (_, i) => `w${i}`);
        const answers = await Promise.all(who.map((w) => tell(name, { verb: 'claim', who: w })));
        const winners = who.filter((_, i) => (answers[i] as { won: boolean }).won);
        expect(winners).toHaveLength(1);
        expect((await read(name)).winner).toBe(winners[0]);
      });

      it('that only read an actor nobody made leave it unmade', async () => {
        const name = fresh('stranger');
        expect(await read(name)).toEqual({ total: 0, winner: null, log: [] });
        await world.crash();
        expect(await read(name)).toEqual({ total: 0, winner: null, log: [] });
      });
    });

    describe('mail', () => {
      const numbers = async (to: string, from: string) =>
        (await logged(to, 'mail')).filter((row) => row.who === from).map((row) => row.n);
      const upTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

      it('arrives once and in order per pair, and every reply comes back', async () => {
        const [a, b] = [fresh('a'), fresh('b')];
        await tell(a, { verb: 'post', to: b, count: 12, forMs: 600_000 });
        await until(async () => (await logged(a, 'answered')).length === 12);
        expect(await numbers(b, a)).toEqual(upTo(12));
        expect((await logged(a, 'answered')).map((row) => row.who)).toEqual(upTo(12).map((n) => `${b} note-${n} ${n}`));
      });

      it('arrives once and in order when flights are lost, doubled and unanswered', async () => {
        const [a, b] = [fresh('a'), fresh('b')];
        await world.weather({ lost: 0.2, unanswered: 0.2, twice: 0.3 });
        await tell(a, { verb: 'post', to: b, count: 15, forMs: 600_000 });
        await tell(b, { verb: 'post', to: a, count: 15, forMs: 600_000 });
        await until(
          async () => (await logged(a, 'answered')).length === 15 && (await logged(b, 'answered')).length === 15,
        );
        await world.weather(CALM);
        expect(await numbers(b, a)).toEqual(upTo(15));
        expect(await numbers(a, b)).toEqual(upTo(15));
      });

      it('that was committed arrives although everything dies before it could be sent', async () => {
        const [a, b] = [fresh('a'), fresh('b')];
        await world.weather({ ...CALM, lost: 1 });
        await tell(a, { verb: 'post', to: b, count: 3, forMs: 600_000 });
        await world.crash();
        await world.weather(CALM);
        await until(async () => (await logged(a, 'answered')).length === 3);
        expect(await numbers(b, a)).toEqual(upTo(3));
      });

      it('whose answer was lost in a crash is not applied twice', async () => {
        const [a, b] = [fresh('a'), fresh('b')];
        await world.weather({ ...CALM, unanswered: 1 });
        await tell(a, { verb: 'post', to: b, count: 1, forMs: 600_000 });
        await until(async () => (await numbers(b, a)).length === 1);
        await world.crash();
        await world.weather(CALM);
        await until(async () => (await logged(a, 'answered')).length === 1);
        expect(await numbers(b, a)).toEqual([1]);
      });

      it('that cannot be delivered in its time is answered as unavailable, and the next one gets through', async () => {
        const [a, b] = [fresh('a'), fresh('b')];
        await world.weather({ ...CALM, lost: 1 });
        await tell(a, { verb: 'post', to: b, count: 1, forMs: 2 * pace });
        await until(async () => (await logged(a, 'answered')).length === 1);
        await world.weather(CALM);
        await tell(a, { verb: 'post', to: b, count: 1, forMs: 600_000 });
        await until(async () => (await logged(a, 'answered')).length === 2);
        expect((await logged(a, 'answered')).map((row) => row.who)).toEqual([
          `${b} note-1 unavailable`,
          `${b} note-2 2`,
        ]);
        expect(await numbers(b, a)).toEqual([2]);
      });
    });

    describe('asks', () => {
      it('come back with the reply, or as unavailable when the way is closed', async () => {
        const [a, b] = [fresh('a'), fresh('b')];
        await tell(b, { verb: 'count', by: 4 });
        await tell(a, { verb: 'ask', to: b }, 'q1');
        await until(async () => (await logged(a, 'answered')).length === 1);
        expect((await logged(a, 'answered'))[0]?.who).toContain('"total":4');
        await world.weather({ ...CALM, lost: 1 });
        await tell(a, { verb: 'ask', to: b }, 'q2');
        await until(async () => (await logged(a, 'answered')).length === 2);
        await world.weather(CALM);
        expect((await logged(a, 'answered'))[1]?.who).toBe(`${b} q2 unavailable`);
      });
    });

    describe('deadlines', () => {
      const dues = async (name: string) => (await logged(name, 'due')).map((row) => row.who);

      const wake = async (name: string, key: string, afterMs: number | null) =>
        (await tell(name, { verb: 'wake', key, afterMs })) as { now: number; at: number };

      it('fire once each, in order of their time', async () => {
        const name = fresh('due');
        const later = await wake(name, 'later', 2 * pace);
        const sooner = await wake(name, 'sooner', pace);
        await until(async () => (await dues(name)).length === 2);
        await world.pass(4 * pace);
        // Where the second command came late, the one that was told first was due first.
        expect(await dues(name)).toEqual(later.at < sooner.at ? ['later', 'sooner'] : ['sooner', 'later']);
      });

      it('do not fire when cleared, and fire at the new time when moved', async () => {
        let afterMs = pace;
        let name: string;
        let inTime: boolean;
        // A host that takes longer than that to be told gets more time.
        do {
          name = fresh('due');
          const { at: clearedAt } = await wake(name, 'cleared', afterMs);
          const { at: movedAt } = await wake(name, 'moved', afterMs);
          const cleared = await wake(name, 'cleared', null);
          const moved = await wake(name, 'moved', 3_600_000);
          await wake(name, 'afterwards', afterMs);
          inTime = cleared.now < clearedAt && moved.now < movedAt;
          afterMs *= 2;
        } while (!inTime);
        await until(async () => (await dues(name)).includes('afterwards'));
        expect(await dues(name)).toEqual(['afterwards']);
        await wake(name, 'moved', 1);
        await until(async () => (await dues(name)).length === 2);
        expect(await dues(name)).toEqual(['afterwards', 'moved']);
      });

      it('that fell due while everything was down fire after the restart, unasked', async () => {
        const name = fresh('due');
        await tell(name, { verb: 'wake', key: 'late', afterMs: pace });
        await world.crash();
        await world.pass(3 * pace);
        await until(async () => (await dues(name)).length === 1);
        expect(await dues(name)).toEqual(['late']);
      });

      it('whose turn throws come again until it does not', async () => {
        const name = fresh('stubborn');
        await tell(name, { verb: 'stubborn', times: 2 });
        await until(async () => (await dues(name)).length === 1);
        expect(await dues(name)).toEqual(['stubborn']);
      });
    });

    describe('sockets', () => {
      it('carry frames in order both ways', async () => {
        const name = fresh('socket');
        const client = await world.connect(name, ['x'], { verb: 'hello' });
        for (let i = 0; i < 20; i++) client.send({ verb: 'echo', text: `e${i}` });
        await until(async () => client.frames.length === 21);
        expect(client.frames).toEqual([
          JSON.stringify({ welcome: name }),
          ...Array.from({ length: 20 }, (_, i) => `e${i}`),
        ]);
        client.close();
      });

      it('are found by tag', async () => {
        const name = fresh('socket');
        const red = await world.connect(name, ['red', 'all'], { verb: 'hello' });
        const blue = await world.connect(name, ['blue', 'all'], { verb: 'hello' });
        await until(async () => red.frames.length === 1 && blue.frames.length === 1);
        red.send({ verb: 'tell', tag: 'blue', text: 'to blue' });
        red.send({ verb: 'tell', tag: null, text: 'to everybody' });
        await until(async () => red.frames.length === 2 && blue.frames.length === 3);
        expect(red.frames.slice(1)).toEqual(['to everybody']);
        expect(blue.frames.slice(1)).toEqual(['to blue', 'to everybody']);
        red.close();
        blue.close();
      });

      it('that the turn closes are closed with its code, and `closed` follows once', async () => {
        const name = fresh('socket');
        const client = await world.connect(name, ['x'], { verb: 'hello' });
        await until(async () => client.frames.length === 1);
        client.send({ verb: 'bye', code: 4409 });
        expect((await client.closed).code).toBe(4409);
        await until(async () => (await logged(name, 'closed')).length === 1);
        await world.pass(3 * pace);
        expect(await logged(name, 'closed')).toHaveLength(1);
      });

      it('keep their actor’s pace, each by itself: what comes too fast is another command', async () => {
        const name = fresh('socket');
        const [hasty, calm] = [
          await world.connect(name, [], { verb: 'hello' }),
          await world.connect(name, [], { verb: 'hello' }),
        ];
        for (let n = 0; n < 5; n++) hasty.send({ verb: 'step' });
        hasty.send({ verb: 'echo', text: 'not counted' });
        calm.send({ verb: 'step' });
        await until(async () => hasty.frames.length === 7 && calm.frames.length === 2);
        expect(hasty.frames.slice(1)).toEqual(['step', 'step', 'step', 'hurried', 'hurried', 'not counted']);
        expect(calm.frames.slice(1)).toEqual(['step']);
        hasty.close();
        calm.close();
      });

      it('can be refused as they open', async () => {
        const name = fresh('socket');
        const client = await world.connect(name, [], { verb: 'unclear' });
        expect((await client.closed).code).toBe(4400);
      });

      it('keep their note and stay usable when the actor leaves memory', async () => {
        const name = fresh('socket');
        const client = await world.connect(name, ['x'], { verb: 'hello' });
        client.send({ verb: 'keep', note: { seq: 41 } });
        client.send({ verb: 'kept' });
        await until(async () => client.frames.length === 2);
        await world.evict(name);
        client.send({ verb: 'kept' });
        await until(async () => client.frames.length === 3);
        expect(client.frames.slice(1)).toEqual(['{"seq":41}', '{"seq":41}']);
        expect(await logged(name, 'closed')).toEqual([]);
        client.close();
      });

      it('that died with the process are told closed exactly once', async () => {
        const name = fresh('socket');
        const client = await world.connect(name, ['x'], { verb: 'hello' });
        await until(async () => client.frames.length === 1);
        await world.crash();
        await client.closed;
        await until(async () => (await logged(name, 'closed')).length === 1);
        await world.crash();
        expect(await logged(name, 'closed')).toHaveLength(1);
      });

      it('answer what they cannot understand and live on', async () => {
        const name = fresh('socket');
        const client = await world.connect(name, ['x'], { verb: 'hello' });
        client.send('{"verb":');
        client.send({ verb: 'echo', text: 'still here' });
        await until(async () => client.frames.length === 3);
        expect(client.frames.slice(1)).toEqual(['{"unclear":true}', 'still here']);
        client.close();
      });
    });

    describe('hints', () => {
      it('make the actor look, at least once', async () => {
        const name = fresh('hint');
        await tell(name, { verb: 'count', by: 1 });
        await tell(name, { verb: 'hint', queue: 'hints', key: 'k' });
        await until(async () => (await logged(name, 'hinted')).length >= 1);
        expect((await logged(name, 'hinted'))[0]?.who).toBe('hints k');
      });
    });

    describe('erasure', () => {
      it('leaves no row, deadline or mail, closes sockets, and lasts through a crash', async () => {
        const name = fresh('erase');
        const client = await world.connect(name, ['x'], { verb: 'hello' });
        await tell(name, { verb: 'count', by: 3 }, 'k');
        await tell(name, { verb: 'wake', key: 'never', afterMs: 2 * pace });
        await tell(name, { verb: 'erase' });
        expect((await client.closed).code).toBe(1001);
        await world.pass(4 * pace);
        expect(await read(name)).toEqual({ total: 0, winner: null, log: [] });
        await world.crash();
        expect(await read(name)).toEqual({ total: 0, winner: null, log: [] });
      });

      it('of a sender does not make its next mail look like an old one', async () => {
        const [a, b] = [fresh('a'), fresh('b')];
        await tell(a, { verb: 'post', to: b, count: 5, forMs: 600_000 });
        await until(async () => (await logged(a, 'answered')).length === 5);
        await tell(a, { verb: 'erase' });
        await tell(a, { verb: 'post', to: b, count: 1, forMs: 600_000 });
        await until(async () => (await logged(b, 'mail')).length === 6);
        expect((await logged(b, 'mail')).map((row) => row.n)).toEqual([1, 2, 3, 4, 5, 1]);
      });
    });
  });
}
