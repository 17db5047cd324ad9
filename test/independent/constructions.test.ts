/**
 * Every construction alone: what the code makes of a vector's inputs, and what the second implementation makes of them. No vector
 * stands on another, so one that fails names what is wrong.
 */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeConstructions, type Vector } from '../vectors/make-constructions.ts';
import { ours } from '../vectors/ours.ts';
import type { Input } from '../vectors/ours/input.ts';
import { type Second, startSecond } from './second.ts';

const { vectors } = JSON.parse(readFileSync('test/vectors/constructions.json', 'utf8')) as { vectors: Vector[] };
const cases = vectors.map((vector) => [`${vector.page}: ${vector.construction}, ${vector.about}`, vector] as const);

let second: Second;
beforeAll(() => {
  second = startSecond();
});
afterAll(() => second.stop());

const theirs = async (construction: string, input: unknown): Promise<unknown> =>
  (await second.ask({ do: 'construct', name: construction, input }))['output'];

describe('the code makes', () => {
  it.each(cases)('%s', async (_, { construction, input, output }) => {
    expect(await ours[construction]!(structuredClone(input))).toEqual(output);
  });
});

describe('the second implementation makes', () => {
  it.each(cases)('%s', async (_, { construction, input, output }) => {
    expect(await theirs(construction, input)).toEqual(output);
  });
});

/** Each input changed a little, one at a time: [which, all inputs]. */
function* changes(input: unknown, path = ''): Generator<[string, unknown]> {
  if (typeof input === 'number') yield [path, input + 1];
  else if (typeof input === 'string') yield [path, changedText(input)];
  else if (typeof input === 'object' && input !== null)
    for (const [name, part] of Object.entries(input))
      for (const [where, changed] of changes(part, `${path}.${name}`))
        yield [where, Array.isArray(input) ? input.with(Number(name), changed) : { ...input, [name]: changed }];
}

/** The last digit of hexadecimal, a word of two, or the text with one letter behind it. */
function changedText(text: string): string {
  const others: Record<string, string> = {
    caller: 'callee',
    callee: 'caller',
    audio: 'video',
    video: 'screen',
    screen: 'audio',
  };
  if (text in others) return others[text]!;
  if (/^([0-9a-f]{2})+$/.test(text)) return text.slice(0, -1) + (Number.parseInt(text.slice(-1), 16) ^ 1).toString(16);
  return text === '' ? 'aa' : `${text}a`;
}

/** What may differ: a time within its window, the key whose own path it is, a place beyond the list, an entry that counts for nothing. */
const isFree = ({ construction, input, output }: Vector, where: string): boolean =>
  (construction === 'group/log' && (output as Input[]).some(({ counts }, i) => !counts && where === `.entries.${i}`)) ||
  ['proof/dpop.now', 'statement/recovery.now', 'nonce/dpop.seconds'].includes(construction + where) ||
  (construction === 'bundle/path' && (where === '.index' || where === `.keys.${input.index}`));

it('each input counts, to the code and to the second implementation alike', async () => {
  const wrong: string[] = [];
  for (const vector of vectors)
    for (const [where, changed] of changes(vector.input)) {
      if (isFree(vector, where)) continue;
      const mine = await made(() => ours[vector.construction]!(changed));
      const other = await made(() => theirs(vector.construction, changed));
      const refused = mine === REFUSED || other === REFUSED;
      if (same(mine, vector.output) || same(other, vector.output))
        wrong.push(`${vector.construction}${where}: the same`);
      else if (!refused && !same(mine, other)) wrong.push(`${vector.construction}${where}: two results`);
    }
  expect(wrong).toEqual([]);
});

const same = (one: unknown, other: unknown): boolean => isDeepStrictEqual(one, other);
const REFUSED = Symbol('refused');
async function made(make: () => unknown): Promise<unknown> {
  try {
    return await make();
  } catch {
    return REFUSED;
  }
}

it('no construction is without a vector, a second implementation, or a page', async () => {
  const { names } = await second.ask({ do: 'names' });
  const known = [...new Set(vectors.map(({ construction }) => construction))].toSorted();
  expect(Object.keys(ours).toSorted()).toEqual(known);
  expect((names as string[]).toSorted()).toEqual(known);
});

/** Of keys that one server alone has: no client makes or reads them. */
const SERVERS_OWN = [
  'callsign/activation/1',
  'callsign/tpm-activation/1',
  'callsign/handle/1',
  'callsign/handle-salt/1',
  'callsign/decoy/1',
  'callsign/handle-request/1',
  'callsign/hardware/1',
  'callsign/hardware-key/1',
  'callsign/turn-user/1',
];

it('every label and typ of the register is in the second implementation', () => {
  const register = readFileSync('docs/protocol.md', 'utf8');
  const written = ['sealing', 'media', 'groups', 'account', 'requests']
    .map((name) => readFileSync(`test/independent/constructions/${name}.mjs`, 'utf8'))
    .join('\n')
    .replaceAll('${kind}', 'admit callsign/ftgk/1 join callsign/ftgk/1 remove callsign/ftgk/1 leave');
  const labels = [...register.matchAll(/`(callsign\/[a-z0-9/ -]+)(?:\\0)?`/g)].map(([, label]) => label!);
  const types = [...register.matchAll(/`([a-z-]+\+j\w+)`/g)].map(([, typ]) => typ!);
  expect(new Set(labels).size).toBeGreaterThan(40);
  const missing = [...new Set([...labels, ...types])].filter((one) => !written.includes(one));
  // Access tokens are opaque to clients.
  expect(missing.filter((one) => one !== 'at+jwt').toSorted()).toEqual(SERVERS_OWN.toSorted());
});

it('the vectors have the inputs that are written down for them', async () => {
  const written = ({ construction, about, page, input }: Vector) => ({ construction, about, page, input });
  expect((await makeConstructions()).vectors.map(written)).toEqual(vectors.map(written));
});
