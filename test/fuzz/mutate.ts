import type { Random } from './target.ts';

const BYTES = [0x00, 0x01, 0x7f, 0x80, 0xff, 0x30, 0x82, 0xa0, 0x5f, 0xbf];

/** Bytes with one to three edits: set, flip, cut, repeat, insert, truncate, extend, splice from another sample. */
export function mutate(
  sample: Uint8Array,
  random: Random,
  others: readonly Uint8Array[] = [],
): Uint8Array<ArrayBuffer> {
  let bytes = [...sample];
  for (let edits = 1 + random.next(3); edits > 0; edits--) bytes = edit(bytes, random, others);
  return new Uint8Array(bytes);
}

function edit(bytes: number[], random: Random, others: readonly Uint8Array[]): number[] {
  const at = random.next(bytes.length + 1);
  const length = 1 + random.next(8);
  const out = [...bytes];
  switch (random.next(8)) {
    case 0:
      if (at < out.length) out[at] = random.next(256);
      return out;
    case 1:
      if (at < out.length) out[at] = out[at]! ^ (1 << random.next(8));
      return out;
    case 2:
      out.splice(at, length);
      return out;
    case 3:
      out.splice(at, 0, ...out.slice(at, at + length));
      return out;
    case 4:
      out.splice(at, 0, random.pick(BYTES));
      return out;
    case 5:
      return out.slice(0, at);
    case 6:
      return [...out, ...Array.from({ length }, () => random.next(256))];
    default: {
      const other = others.length === 0 ? new Uint8Array() : random.pick(others);
      const from = random.next(other.length + 1);
      out.splice(at, length, ...other.subarray(from, from + length));
      return out;
    }
  }
}
