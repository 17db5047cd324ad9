import { apple } from './apple.ts';
import { fidoVendors } from './fido.ts';
import { google } from './google.ts';
import { metadata } from './metadata.ts';
import { microsoft, microsoftIntermediates } from './microsoft.ts';
import { softwareRoots } from './software.ts';
import { testRoots } from './test.ts';
import { amd, amdIntermediates } from './tpm-amd.ts';
import { infineon, infineonIntermediates } from './tpm-infineon.ts';
import { intel, intelIntermediates } from './tpm-intel.ts';
import { nuvoton, nuvotonIntermediates } from './tpm-nuvoton.ts';
import { otherTpms, otherTpmsIntermediates } from './tpm-others.ts';
import { stm, stmIntermediates } from './tpm-stm.ts';
import { virtualTpms, virtualTpmsIntermediates } from './virtual-tpm.ts';
import { yubico } from './yubico.ts';
import type { AnchorRecord, IntermediateRecord } from './record.ts';

/** Every anchor that ships. */
export const anchorRecords: readonly AnchorRecord[] = [
  ...apple,
  ...fidoVendors,
  ...google,
  ...metadata,
  ...microsoft,
  ...softwareRoots,
  ...testRoots,
  ...amd,
  ...infineon,
  ...intel,
  ...nuvoton,
  ...otherTpms,
  ...stm,
  ...virtualTpms,
  ...yubico,
];

/** Every intermediate that ships. */
export const intermediateRecords: readonly IntermediateRecord[] = [
  ...microsoftIntermediates,
  ...amdIntermediates,
  ...infineonIntermediates,
  ...intelIntermediates,
  ...nuvotonIntermediates,
  ...otherTpmsIntermediates,
  ...stmIntermediates,
  ...virtualTpmsIntermediates,
];
