import { concat, u16, u32 } from '../../bytes/join.ts';
import type { HashName } from './algorithms.ts';
import { hashById, hashByName } from './algorithms.ts';
import type { TpmReader } from './reader.ts';

/** TPMS_PCR_SELECTION (Part 2 §10.6.1): which registers of one bank, ascending. */
export interface PcrSelection {
  readonly bank: HashName;
  readonly indices: readonly number[];
}

const MOST_BANKS = 16;
const MOST_SELECT_BYTES = 4;

/** TPML_PCR_SELECTION (§10.9.7). */
export function readPcrSelections(reader: TpmReader): PcrSelection[] | null {
  const count = reader.u32();
  if (count > MOST_BANKS) return reader.refuse();
  const selections: PcrSelection[] = [];
  for (let i = 0; i < count && !reader.broken; i++) {
    const bank = hashById(reader.u16());
    const size = reader.u8();
    if (!bank || size > MOST_SELECT_BYTES) return reader.refuse();
    selections.push({ bank: bank.name, indices: bitsSet(reader.take(size)) });
  }
  return selections;
}

function bitsSet(select: Uint8Array): number[] {
  return Array.from({ length: select.length * 8 }, (_, index) => index).filter(
    (index) => (select[index >> 3]! >> (index & 7)) & 1,
  );
}

/** TPML_PCR_SELECTION with three select bytes per bank: registers 0..23. */
export function encodePcrSelections(selections: readonly PcrSelection[]): Uint8Array<ArrayBuffer> {
  return concat(
    u32(selections.length),
    ...selections.map(({ bank, indices }) => {
      const select = new Uint8Array(3);
      for (const index of indices) select[index >> 3]! |= 1 << (index & 7);
      return concat(u16(hashByName(bank).id), new Uint8Array([3]), select);
    }),
  );
}
