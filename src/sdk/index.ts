/** The package export `./sdk`: what a client developer imports. */
export { type Call, type CallEvents, type CallPhase, type CallState } from './calls/call.ts';
export { CallsignClient, type ClientEvents } from './client.ts';
export { type ClientConfig, defaultConfig, type SocketLike } from './config.ts';
export { type CryptoProvider, type SigningKey } from './crypto/provider.ts';
export { webCrypto } from './crypto/webcrypto.ts';
export { type Peer, type PeerDevice } from './directory.ts';
export { type Attester, enroll, type Enrolled, type Sponsor } from './enroll.ts';
export { CallsignError, type ErrorCode } from './errors.ts';
export { type Identity, restoreIdentity } from './identity.ts';
export { type Change, type Collection, type KeyStore, memoryStore } from './store.ts';
export { androidKeystoreAttester, type KeystoreKey } from './attesters/android.ts';
export { appAttestAttester, type AppAttestService } from './attesters/app-attest.ts';
export { developmentAttester } from './attesters/development.ts';
export { linkedAttester, type Voucher } from './attesters/linked.ts';
export { tpmAttester } from './attesters/tpm.ts';
export { webauthnAttester } from './attesters/webauthn.ts';
