/** How each family of vectors is judged: one function per family, by the family's name. */
import { androidKeystore, androidStatusList } from './android.ts';
import { appAttest } from './app-attest.ts';
import type { Answer } from './judge.ts';
import { mds } from './mds.ts';
import { tpmCredential } from './tpm-credential.ts';
import { ekCertificates, tpmNative } from './tpm.ts';
import { trustAnchors } from './trust-anchors.ts';
import type { Vector, VectorFile } from './vector.ts';
import { webauthn } from './webauthn.ts';

export type FamilyJudge = (vector: Vector, file: VectorFile) => Promise<Answer>;

export const families: Readonly<Record<string, FamilyJudge>> = {
  'android-keystore': androidKeystore,
  'android-status-list': androidStatusList,
  'webauthn-packed': webauthn,
  'webauthn-android-key': webauthn,
  'webauthn-tpm': webauthn,
  'webauthn-apple': webauthn,
  'webauthn-fido-u2f': webauthn,
  'webauthn-none-self': webauthn,

  'tpm-native': tpmNative,
  'ek-certificates': ekCertificates,
  'tpm-credential-protection': tpmCredential,

  'app-attest': appAttest,
  mds,
  'trust-anchors': trustAnchors,
};
