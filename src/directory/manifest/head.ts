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
  /** By device id: the version that brought this id and key together. What the key signed for an older version does not count. */
  readonly since: { readonly [device: string]: number };
  /** Device ids and keys (base64url SPKI) that once were in the chain and may not come back. */
  readonly retired: { readonly ids: readonly string[]; readonly keys: readonly string[] };
  readonly recovery: RecoveryState;
}

/** The key (base64url SPKI) of a device at this head; null when it is not in it. */
export function keyOf(head: Head, device: string): string | null {
  return head.manifest.devices.find((entry) => entry.id === device)?.key ?? null;
}

/** Whether device and key were in every version from `version` to this head: what a key bundle that names `version` must have. */
export function presentSince(head: Head, device: string, version: number): boolean {
  const since = head.since[device];
  return since !== undefined && version >= since && version <= head.version;
}
