/** How each family of vectors is judged: one function per family, by the family's name. */
import type { Answer } from './judge.ts';
import { mds } from './mds.ts';
import { trustAnchors } from './trust-anchors.ts';
import type { Vector, VectorFile } from './vector.ts';
import { webauthn } from './webauthn.ts';

export type FamilyJudge = (vector: Vector, file: VectorFile) => Promise<Answer>;

export const families: Readonly<Record<string, FamilyJudge>> = {
  'webauthn-packed': webauthn,

  'webauthn-apple': webauthn,
  'webauthn-fido-u2f': webauthn,
  'webauthn-none-self': webauthn,

  mds,
  'trust-anchors': trustAnchors,
};
