import { canonicalJson } from '../../bytes/jcs.ts';
import type { Manifest, ManifestDevice } from '../../protocol/manifest.ts';

/** What version n+1 changes in version n. */
export interface Changes {
  readonly added: readonly ManifestDevice[];
  readonly removed: readonly ManifestDevice[];
  /** Same id, another key. */
  readonly replaced: readonly { readonly before: ManifestDevice; readonly after: ManifestDevice }[];
  readonly kept: readonly { readonly before: ManifestDevice; readonly after: ManifestDevice }[];
  /** Anything but devices differs: handles, recovery, unknown members; or a kept entry differs beyond its key. */
  readonly beyondDevices: boolean;
}

export function changesBetween(before: Manifest, after: Manifest): Changes {
  const old = new Map(before.devices.map((device) => [device.id, device]));
  const now = new Set(after.devices.map((device) => device.id));
  const pairs = after.devices.flatMap((device) => {
    const entry = old.get(device.id);
    return entry ? [{ before: entry, after: device }] : [];
  });
  const kept = pairs.filter((pair) => pair.before.key === pair.after.key);
  return {
    added: after.devices.filter((device) => !old.has(device.id)),
    removed: before.devices.filter((device) => !now.has(device.id)),
    replaced: pairs.filter((pair) => pair.before.key !== pair.after.key),
    kept,
    beyondDevices: rest(before) !== rest(after) || kept.some((pair) => !same(pair.before, pair.after)),
  };
}

/** A manifest without what every version changes and without its devices. */
function rest(manifest: Manifest): string | null {
  const { account: _a, version: _v, previous: _p, issuedAt: _i, devices: _d, ...others } = manifest;
  return canonicalJson(others);
}

function same(a: ManifestDevice, b: ManifestDevice): boolean {
  return canonicalJson(a) === canonicalJson(b);
}
