import type { Command } from './command.ts';
import { attestVerify } from './commands/attest-verify.ts';
import { attestVerifyVectors } from './commands/attest-verify-vectors.ts';
import { auditVerify } from './commands/audit-verify.ts';
import { caInit } from './commands/ca-init.ts';
import { caRotate } from './commands/ca-rotate.ts';
import { callWhy } from './commands/call-why.ts';
import { certificateList } from './commands/certificate-list.ts';
import { counters } from './commands/counters.ts';
import { deviceList } from './commands/device-list.ts';
import { deviceRevoke } from './commands/device-revoke.ts';
import { enroll, renew } from './commands/enroll.ts';
import { events } from './commands/events.ts';
import { holdsApprove, holdsDeny, holdsList } from './commands/holds.ts';
import { inventoryImport } from './commands/inventory-import.ts';
import { listsImport } from './commands/lists-import.ts';
import { pushKey } from './commands/push-key.ts';
import { policyShow } from './commands/policy-show.ts';
import { policyTry } from './commands/policy-try.ts';
import { rejudgeDecisions, rejudgeList } from './commands/rejudge.ts';
import { trustList } from './commands/trust-list.ts';
import { trustShow } from './commands/trust-show.ts';
import { trustVerify } from './commands/trust-verify.ts';
import { verdictShow } from './commands/verdict-show.ts';

export const commands: readonly Command[] = [
  attestVerify,
  attestVerifyVectors,
  trustList,
  trustVerify,
  policyTry,
  caInit,
  caRotate,
  pushKey,
  enroll,
  renew,
  deviceList,
  deviceRevoke,
  certificateList,
  verdictShow,
  callWhy,
  events,
  auditVerify,
  counters,
  policyShow,
  trustShow,
  listsImport,
  rejudgeList,
  ...rejudgeDecisions,
  inventoryImport,
  holdsList,
  holdsApprove,
  holdsDeny,
];
