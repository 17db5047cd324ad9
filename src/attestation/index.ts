/** The package export `./attestation`: evidence in, verdict out. Pure functions of bytes, time, trust store and policy. */
export type { Evidence, Expected } from './format.ts';
export { MAX_STATUS_LIST, normalizeSerial, readStatusList } from './android/status-list.ts';
export {
  type AssertionQuestion as AppAttestAssertionQuestion,
  type AssertionResult as AppAttestAssertionResult,
  verifyAssertion as verifyAppAttestAssertion,
} from './apple/assertion.ts';
export { type Receipt, type ReceiptQuestion, type ReceiptResult, verifyReceipt } from './apple/receipt.ts';
export { nativeFormats, statementFormats } from './formats.ts';
export { configuredPolicy, unnamedApplications } from './policy/configured.ts';
export { type Policy, readPolicy } from './policy/policy.ts';
export { withInventory } from './policy/inventory.ts';
export { isOpen, openRoads, type Road, roads } from './policy/roads.ts';
export { policies, type PolicyName } from './policy/shipped.ts';
export {
  ACTIVATION_RANDOMNESS,
  type ActivationAnswer,
  type ActivationState,
  challengeActivation,
} from './tpm/activation.ts';
export { enrollmentTranscript } from './transcript.ts';
export { builtInTrust, loadAnchor } from './trust/load.ts';
export { type MetadataQuery, type MetadataResult, readMetadata } from './trust/metadata.ts';
export type { AndroidStatusList, Anchor, MetadataList, TrustStore } from './trust/store.ts';
export type { Assurance, Check, Fact, FormatId, KeyHardware, Reason, Verdict } from './verdict.ts';
export { verifyEvidence } from './verify.ts';
export {
  type Assertion,
  type AssertionExpected,
  type AssertionResult,
  type Credential,
  verifyAssertion,
} from './webauthn/assertion.ts';
