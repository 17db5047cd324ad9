import { base64url } from '../../bytes/base64url.ts';
import { canonicalJson } from '../../bytes/jcs.ts';
import { utf8 } from '../../bytes/utf8.ts';
import { TYP } from '../../protocol/identity.ts';
import { type Manifest, RECOVERY_KID, type SignedManifest } from '../../protocol/manifest.ts';
import type { Head } from './head.ts';

/** A manifest about to be signed: `input` gives the bytes that one key signs with ES256, `assemble` the JWS. */
export interface ManifestDraft {
  readonly manifest: Manifest;
  readonly payload: Uint8Array<ArrayBuffer>;
}

/** One signature of a draft; `jwk` (public, P-256) goes with the recovery key only. */
export interface ManifestSignature {
  readonly kid: string;
  readonly jwk?: { readonly x: string; readonly y: string };
  /** r || s, 64 bytes. */
  readonly signature: Uint8Array;
}

/** Throws on a value outside canonical JSON: a bug of the caller, not bad input. */
export function draft(manifest: Manifest): ManifestDraft {
  const text = canonicalJson(manifest);
  if (text === null) throw new TypeError('a manifest holds only strings, integers, booleans, null, arrays and objects');
  return { manifest, payload: utf8(text) };
}

export function signingInput(
  { payload }: ManifestDraft,
  signer: Omit<ManifestSignature, 'signature'>,
): Uint8Array<ArrayBuffer> {
  return utf8(`${protectedHeader(signer)}.${base64url(payload)}`);
}

/** For a replaced key both signatures carry the device's id: the old key's comes first. */
export function assemble({ payload }: ManifestDraft, signatures: readonly ManifestSignature[]): SignedManifest {
  return {
    payload: base64url(payload),
    signatures: signatures.map((entry) => ({
      protected: protectedHeader(entry),
      signature: base64url(entry.signature),
    })),
  };
}

function protectedHeader({ kid, jwk }: Omit<ManifestSignature, 'signature'>): string {
  const key = jwk && { crv: 'P-256', kty: 'EC', x: jwk.x, y: jwk.y };
  const header = { alg: 'ES256', ...(kid === RECOVERY_KID && { jwk: key ?? null }), kid, typ: TYP.manifest };
  return base64url(utf8(canonicalJson(header)!));
}

/** The first version of an account: one device. */
export function genesisOf(
  device: { readonly id: string; readonly key: string },
  issuedAt: number,
  terms: Pick<Manifest, 'handles' | 'recovery' | 'minProtocol'>,
): Manifest {
  return {
    v: 1,
    account: null,
    version: 1,
    previous: null,
    issuedAt,
    devices: [{ id: device.id, key: device.key, addedAt: issuedAt }],
    ...terms,
  };
}

/** The next version with `change` applied and everything in its order; unknown members are carried. */
export function successor(
  head: Head,
  issuedAt: number,
  change: Partial<Pick<Manifest, 'devices' | 'handles' | 'recovery' | 'minProtocol'>>,
): Manifest {
  const next = {
    ...head.manifest,
    ...change,
    account: head.account,
    version: head.version + 1,
    previous: head.hash,
    issuedAt,
  };
  return { ...next, devices: next.devices.toSorted((a, b) => (a.id < b.id ? -1 : 1)) };
}
