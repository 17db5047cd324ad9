import { describe, expect, it } from 'vitest';
import type { Address, Answer, Json } from '../../src/actors/port.ts';
import { base64url } from '../../src/bytes/base64url.ts';
import type { OneTimeKey } from '../../src/protocol/bundle.ts';

/** As much of a host as claims need. */
export interface ClaimGround {
  command(to: Address, key: string, body: Json): Promise<Answer>;
}

const BATCH = 100;
const MOST_BATCHES = 4;

/** Claims on the real actor of one device, all at once, each by a caller of its own (G9). */
export function claims(
  host: string,
  many: number,
  open: () => Promise<ClaimGround & { close(): Promise<void> }>,
): void {
  describe(`${many} claims at once on one device: ${host}`, () => {
    it('get distinct keys and none beyond the batches; repeats are the same; then the last resort; a refill among claims is used up as it comes', async () => {
      const ground = await open();
      const device = base64url(crypto.getRandomValues(new Uint8Array(16)));
      let commands = 0;
      const tell = async (body: Json): Promise<Record<string, unknown>> => {
        // A host that has too much to do says that it is unknown what happened: the same is said again, which must take no second key.
        for (const key = `c${++commands}`; ;) {
          const answer = await ground.command({ kind: 'device', name: device }, key, body);
          if (answer.ok) return answer.value as Record<string, unknown>;
          if (answer.reason !== 'unavailable') throw new Error(answer.reason);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      };
      const claim = async (caller: string, request: string): Promise<string | null> => {
        const party = { account: `account-${caller}`, device: `device-${caller}` };
        const told = await tell({ do: 'keys-for', caller: party, request, claim: true, known: true });
        const given = told['oneTime'] as OneTimeKey | null;
        return given && `${given.batch.batchId} ${given.index} ${given.key}`;
      };
      let batches = 0;
      const upload = async () => {
        const firstKeyId = 1 + batches++ * BATCH;
        const random = (bytes: number) => base64url(crypto.getRandomValues(new Uint8Array(bytes)));
        const batch = {
          batchId: random(16),
          manifestVersion: 1,
          firstKeyId,
          count: BATCH,
          root: random(32),
          signature: random(64),
          expiresAt: Date.now() + 86_400_000,
        };
        const keys = Array.from({ length: BATCH }, () => random(65));
        expect(await tell({ do: 'one-time', upload: { batch, keys } })).toMatchObject({ ok: true });
      };

      await tell({ do: 'register', account: 'callee', key: 'key', pushTokenHash: 'push' });
      await tell({
        do: 'publish',
        bundle: { signedPrekey: { keyId: 1 }, lastResort: { keyId: 2 } },
        hash: 'hash',
        until: Date.now() + 86_400_000,
      });
      for (let i = 0; i < MOST_BATCHES; i++) await upload();

      // Every tenth asks twice at once.
      const asked = Array.from({ length: many }, async (_, i) => {
        const first = claim(String(i), 'request-one');
        const again = i % 10 === 0 ? claim(String(i), 'request-one') : first;
        return Promise.all([first, again]);
      });
      const answers = await Promise.all(asked);
      const given = answers.map(([first]) => first).filter((one) => one !== null);
      expect(new Set(given).size).toBe(given.length);
      expect(given.length).toBe(MOST_BATCHES * BATCH);
      expect(answers.filter(([first, again]) => first !== again)).toEqual([]);
      expect(await tell({ do: 'key-status' })).toMatchObject({ status: { left: 0 } });

      // A repeat long after is the same, with and without a key.
      const holder = answers.findIndex(([first]) => first !== null);
      const none = answers.findIndex(([first]) => first === null);
      expect(await claim(String(holder), 'request-one')).toBe(answers[holder]![0]);
      expect(await claim(String(none), 'request-one')).toBeNull();

      // Three batches come while others claim: whoever comes after them gets their keys, and nobody one that was given before.
      const later = Array.from({ length: Math.min(many, 500) }, (_, i) => claim(`later-${i}`, 'request-two'));
      const refills = Array.from({ length: 3 }, () => upload());
      const after = Array.from({ length: 3 * BATCH }, (_, i) => claim(`after-${i}`, 'request-two'));
      await Promise.all(refills);
      const more = (await Promise.all([...later, ...after])).filter((one) => one !== null);
      const rest: string[] = [];
      for (let i = 0; more.length + rest.length < 3 * BATCH; i++) {
        const key = await claim(`last-${i}`, 'request-two');
        if (key !== null) rest.push(key);
      }
      const all = [...given, ...more, ...rest];
      expect(new Set(all).size).toBe(all.length);
      expect(all.length).toBe((MOST_BATCHES + 3) * BATCH);
      expect(await claim('nobody', 'request-three')).toBeNull();
      await ground.close();
    }, 600_000);
  });
}
