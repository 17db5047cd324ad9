/** The package export `./sdk`: what a client developer imports. */
export { type Call, type CallEvents, type CallPhase, type CallState } from './calls/call.ts';
export {
  type FrameKey,
  type FrameKeys,
  type GroupCall,
  type GroupEvents,
  type Groups,
  type Participant,
} from './calls/group-call.ts';
export { CallsignClient, type ClientEvents } from './client.ts';
export { type ClientConfig, defaultConfig, type SocketLike } from './config.ts';
export { type CryptoProvider, type SigningKey } from './crypto/provider.ts';
export { webCrypto } from './crypto/webcrypto.ts';
export { type SessionKeys } from './crypto/schedule.ts';
export { type FindOptions, type Peer, type PeerDevice } from './directory.ts';
export { type Attester, enroll, type Enrolled, type EnrollOptions, type Sponsor } from './enroll.ts';
export { CallsignError, type ErrorCode } from './errors.ts';
export { type HistoryPage } from './history.ts';
export { type Ice, type IceServers } from './ice.ts';
export { type Identity, restoreIdentity } from './identity.ts';
export { type ContactEvent, Contacts, type ScanResult, type Standing } from './contacts.ts';
export { type LinkEvent, type Linking, type ShownCode } from './link.ts';
export { OwnAccount } from './own-account.ts';
export { type Policy } from './policy.ts';
export { type RecoveryChoice } from './recovery.ts';
export { newRecoveryKey, type RecoveryKey, recoveryKeyFrom } from './recovery-key.ts';
export { type Push } from './push.ts';
export { type Change, type Collection, type KeyStore } from './store.ts';
export { indexedDbStore } from './stores/indexed-db.ts';
export { memoryStore } from './stores/memory.ts';
export { androidKeystoreAttester, type KeystoreKey } from './attesters/android.ts';
export { appAttestAttester, type AppAttestService } from './attesters/app-attest.ts';
export { developmentAttester } from './attesters/development.ts';
export { linkedAttester, type Voucher } from './attesters/linked.ts';
export { tpmAttester } from './attesters/tpm.ts';
export { webauthnAttester } from './attesters/webauthn.ts';
