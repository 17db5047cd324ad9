/** When a peer's key is accepted: all of these hold, or the message is treated as if nobody had sent it. */
import { equal } from '../../bytes/join.ts';
import type { Party } from './header.ts';
import { pointOf } from './point.ts';
import type { Bytes, CryptoProvider } from './provider.ts';

/** What other rooms have verified, as plain values. */
export interface PeerEvidence {
  /** The leaf, and whether its path is valid now to the root pinned in configuration. */
  certificate: { pathValid: boolean; account: Uint8Array; device: Uint8Array; spki: Uint8Array };
  /** SPKI of the device's entry in the verified manifest head of the account; null when it has none. */
  manifestKey: Uint8Array | null;
  /** Account that the verified handle assertion names; null when the peer shows no handle. */
  handleAccount: Uint8Array | null;
  /** By serial or key, on a current revocation list. */
  revoked: boolean;
}

export type PeerRefusal =
  | 'untrusted-certificate'
  | 'revoked'
  | 'wrong-account'
  | 'wrong-device'
  | 'not-in-manifest'
  | 'wrong-key'
  | 'wrong-handle';

export type PeerVerdict = { ok: true; identityKey: Bytes } | { ok: false; reason: PeerRefusal };

const no = (reason: PeerRefusal): PeerVerdict => ({ ok: false, reason });

export async function acceptPeer(crypto: CryptoProvider, claimed: Party, evidence: PeerEvidence): Promise<PeerVerdict> {
  const { certificate, manifestKey, handleAccount } = evidence;
  // 1. The certificate is ours and alive.
  if (!certificate.pathValid) return no('untrusted-certificate');
  if (evidence.revoked) return no('revoked');
  // 2. It names the account and device of the header.
  if (!equal(certificate.account, claimed.account)) return no('wrong-account');
  if (!equal(certificate.device, claimed.device)) return no('wrong-device');
  // 3. The manifest decides who: header, certificate and entry have one key.
  if (manifestKey === null) return no('not-in-manifest');
  const identityKey = pointOf(certificate.spki);
  if (identityKey === null || !equal(manifestKey, certificate.spki)) return no('wrong-key');
  if (!equal(await crypto.sha256(certificate.spki), claimed.spki)) return no('wrong-key');
  // 4. The handle that will be shown belongs to that account.
  if (handleAccount !== null && !equal(handleAccount, claimed.account)) return no('wrong-handle');
  return { ok: true, identityKey };
}
