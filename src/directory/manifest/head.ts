import type { Manifest } from '../../protocol/manifest.ts';
import type { RecoveryState } from './recovery.ts';

/**
 * What a verifier keeps of a chain that it has verified up to here. Plain data: the Account actor stores it, a client pins it.
 * Everything that later versions are judged by is in it, so a chain continues from any known head.
 */
export interface Head {
  readonly account: string;
  readonly version: number;
  /** SHA-256 of the payload, base64url. */
  readonly hash: string;
  readonly manifest: Manifest;
  /** Device ids and keys (base64url SPKI) that once were in the chain and may not come back. */
  readonly retired: { readonly ids: readonly string[]; readonly keys: readonly string[] };
  readonly recovery: RecoveryState;
}

/** The key (base64url SPKI) of a device at this head; null when it is not in it. */
export function keyOf(head: Head, device: string): string | null {
  return head.manifest.devices.find((entry) => entry.id === device)?.key ?? null;
}
