/** How each family of vectors is judged: one function per family, by the family's name. */
import { androidStatusList } from './android.ts';
import { appAttest } from './app-attest.ts';
import type { Answer } from './judge.ts';
import { evidence } from './judge-evidence.ts';
import { mds } from './mds.ts';
import { tpmCredential } from './tpm-credential.ts';
import { ekCertificates, tpmNative } from './tpm.ts';
import { trustAnchors } from './trust-anchors.ts';
import type { Vector, VectorFile } from './vector.ts';

export type FamilyJudge = (vector: Vector, file: VectorFile) => Promise<Answer>;

export const families: Readonly<Record<string, FamilyJudge>> = {
  'android-keystore': evidence,
  'android-status-list': androidStatusList,
  'webauthn-packed': evidence,
  'webauthn-android-key': evidence,
  'webauthn-tpm': evidence,
  'webauthn-apple': evidence,
  'webauthn-fido-u2f': evidence,
  'webauthn-none-self': evidence,
  'w3c-level3': evidence,
  'tpm-native': tpmNative,
  'ek-certificates': ekCertificates,
  'tpm-credential-protection': tpmCredential,
  'app-attest': appAttest,
  mds,
  'trust-anchors': trustAnchors,
};
