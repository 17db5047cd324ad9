import { concat, u16 } from '../../bytes/join.ts';
import { hashByName } from './algorithms.ts';
import type { ReadPublic } from './public.ts';

/** The Name of an object: nameAlg || H_nameAlg(TPMT_PUBLIC), the hash being the public area's own (Part 1 §16). */
export function nameOf(area: Pick<ReadPublic, 'nameAlg' | 'encoded'>): Uint8Array<ArrayBuffer> {
  const hash = hashByName(area.nameAlg);
  return concat(u16(hash.id), hash.digest(area.encoded));
}

/** The Qualified Name of an object under a parent, or of a primary under the handle of its hierarchy (Part 1 §16, "Qualified Name"). */
export function qualifiedName(
  area: Pick<ReadPublic, 'nameAlg' | 'encoded'>,
  parent: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const hash = hashByName(area.nameAlg);
  return concat(u16(hash.id), hash.digest(concat(parent, nameOf(area))));
}
